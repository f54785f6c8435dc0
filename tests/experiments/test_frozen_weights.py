"""Pretrained weights in a training: not moved, not saved, named by hash, and not exchanged unseen."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from agent.language import frozen_text, pretrained, weights
from experiments.checkpoint import flatten
from experiments.config import composed
from experiments.errors import RunError
from experiments.run import create, load
from experiments.train import train

MODELS = Path(__file__).parent.parent / "agent" / "language"
SMALL = ("environments=4", "steps=4", "minibatches=2", "epochs=1")
HOLDS = {"language": "bert", "prefrontal": "gpt2"}


def brain(at: dict[str, str]) -> dict[str, Any]:
    """Config values of GROUND's brain that hears and remembers by frozen transformers."""
    values = composed(["experiment=ground", *(f"learning.{each}" for each in SMALL), "total_decisions=32"])
    values["checkpoint_every"] = 1
    modules = values["agent"]["modules"]
    modules["language"]["model"] = at["bert"]
    modules["prefrontal"] = {"kind": "frozen_memory", "model": at["gpt2"], "window": 4, "width": 8}
    return values


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    return {each: str(shutil.copytree(MODELS / each, folder / each)) for each in set(HOLDS.values())}


@pytest.fixture(scope="module")
def run(models: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = create(tmp_path_factory.mktemp("frozen") / "run", brain(models))
    before = jax.tree.map(np.array, made.circuit.frozen)
    begun = jax.tree.map(np.array, jax.jit(made.ppo.init)(jax.random.key(0)).params)
    learned = train(made)
    jax.tree.map(np.testing.assert_array_equal, jax.tree.map(np.asarray, made.circuit.frozen), before)
    for name in HOLDS:
        moved = jax.tree.map(lambda a, b: float(abs(np.asarray(a) - b).max()), learned.params[name], begun[name])
        assert min(jax.tree.leaves(moved)) > 0.0, f"{name} has not learned"
    return made.path


def test_frozen_weights_are_as_the_files_have_them(run: Path, models: dict[str, str]) -> None:
    """Bit for bit, after training."""
    held = load(run).circuit.frozen
    words = load_file(Path(models["gpt2"]) / "model.safetensors")["transformer.wte.weight"]
    np.testing.assert_array_equal(held["prefrontal"]["frozen"]["gpt2"]["words"], words)


def test_optimizer_and_checkpoint_know_nothing_of_them(run: Path) -> None:
    learner = load(run).learner()
    names = flatten(learner)
    assert [name for name in names if "frozen" in name.split("/")] == []
    moments = [array.size for name, array in names.items() if name.startswith("optimizer/") and array.size > 1]
    assert sum(moments) == 2 * sum(a.size for n, a in names.items() if n.startswith("params/") and a.size > 1)
    files = b"".join(path.read_bytes() for path in (run / "checkpoints").rglob("*") if path.is_file())
    assert b"projection" not in files


def test_a_checkpoint_names_them_by_hash(run: Path, models: dict[str, str]) -> None:
    text = next((run / "checkpoints" / "2" / "digests").rglob("metadata")).read_text()
    told = {name: value for name, value in json.loads(text).items() if name.startswith("pretrained:")}
    assert told == {f"pretrained:{name}": weights.digest(Path(models[family])) for name, family in HOLDS.items()}


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_other_weights_under_the_same_name_are_refused(run: Path, models: dict[str, str], family: str) -> None:
    file = Path(models[family]) / "model.safetensors"
    kept, tensors = file.read_bytes(), load_file(file)
    name = sorted(tensors)[0]
    try:
        save_file(tensors | {name: tensors[name] + np.float32(1e-3)}, file)
        forget()
        module = next(module for module, each in HOLDS.items() if each == family)
        with pytest.raises(RunError) as caught:
            train(load(run), resume=True)
        text = str(caught.value)
        assert f"was made with other pretrained weights of module '{module}': they had SHA-256" in text
        assert "Bring back the former ones" in text
    finally:
        file.write_bytes(kept)
        forget()
    load(run).learner()


def forget() -> None:
    """As in another process."""
    pretrained._load.cache_clear()
    frozen_text.embeddings.cache_clear()
