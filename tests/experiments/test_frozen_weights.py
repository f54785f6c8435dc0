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

from agent.language import weights
from experiments.checkpoint import flatten
from experiments.config import composed
from experiments.errors import RunError
from experiments.run import create, load
from experiments.train import train

MODELS = Path(__file__).parent.parent / "agent" / "language"
SMALL = ("environments=4", "steps=4", "minibatches=2", "epochs=1")
FAMILY, MODULE = "gpt2", "memory"


def brain(model: str) -> dict[str, Any]:
    """Config values of a brain that remembers by a frozen transformer, in a small world."""
    world = ("env=gymnasium", "env.id=CartPole-v1", "agent=reflex", "total_decisions=32")
    values = composed([*world, *(f"learning.{each}" for each in SMALL)])
    values["checkpoint_every"] = 1
    values["agent"]["modules"][MODULE] = {"kind": "frozen_memory", "model": model, "window": 4, "width": 8}
    values["agent"]["wires"] += ["norm.code -> memory.input", "memory.state -> motor.drive"]
    return values


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(MODELS / FAMILY, tmp_path_factory.mktemp("models") / FAMILY))


@pytest.fixture(scope="module")
def run(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = create(tmp_path_factory.mktemp("frozen") / "run", brain(str(model)))
    before = jax.tree.map(np.array, made.circuit.frozen)
    begun = jax.tree.map(np.array, jax.jit(made.ppo.init)(jax.random.key(0)).params[MODULE])
    learned = train(made).params[MODULE]
    jax.tree.map(np.testing.assert_array_equal, jax.tree.map(np.asarray, made.circuit.frozen), before)
    moved = jax.tree.map(lambda a, b: float(abs(np.asarray(a) - b).max()), learned, begun)
    assert min(jax.tree.leaves(moved)) > 0.0
    return made.path


def test_frozen_weights_are_as_the_files_have_them(run: Path, model: Path) -> None:
    """Bit for bit, after training."""
    held = load(run).circuit.frozen
    words = load_file(model / "model.safetensors")["transformer.wte.weight"]
    np.testing.assert_array_equal(held[MODULE]["frozen"]["gpt2"]["words"], words)


def test_optimizer_and_checkpoint_know_nothing_of_them(run: Path) -> None:
    learner = load(run).learner()
    names = flatten(learner)
    assert [name for name in names if "frozen" in name.split("/")] == []
    moments = [array.size for name, array in names.items() if name.startswith("optimizer/") and array.size > 1]
    assert sum(moments) == 2 * sum(a.size for n, a in names.items() if n.startswith("params/") and a.size > 1)
    files = b"".join(path.read_bytes() for path in (run / "checkpoints").rglob("*") if path.is_file())
    assert b"projection" not in files


def test_a_checkpoint_names_them_by_hash(run: Path, model: Path) -> None:
    text = next((run / "checkpoints" / "2" / "digests").rglob("metadata")).read_text()
    told = {name: value for name, value in json.loads(text).items() if name.startswith("pretrained:")}
    assert told == {f"pretrained:{MODULE}": weights.digest(model)}


def test_other_weights_under_the_same_name_are_refused(run: Path, model: Path) -> None:
    file = model / "model.safetensors"
    kept, tensors = file.read_bytes(), load_file(file)
    name = sorted(tensors)[0]
    try:
        save_file(tensors | {name: tensors[name] + np.float32(1e-3)}, file)
        with pytest.raises(RunError) as caught:
            train(load(run), resume=True)
        text = str(caught.value)
        assert f"was made with other pretrained weights of module '{MODULE}': they had SHA-256" in text
        assert "Bring back the former ones" in text
    finally:
        file.write_bytes(kept)
    load(run).learner()
