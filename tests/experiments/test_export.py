"""`scrubjay export`: a program that acts as the brain does, without our code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from experiments.evaluate import mode
from experiments.learning.rollout import Life, begin, decide
from experiments.run import Run, load, make_env

BATCH, DECISIONS, SEED = 3, 6, 5
REPLAY = """
import sys, json, numpy as np, jax.export
file, description, seen, out = sys.argv[1:]
program = jax.export.deserialize(bytearray(open(file, "rb").read()))
inputs = json.load(open(description))["inputs"]
seen = np.load(seen)
state = {name: np.full(x["shape"], 1).astype(x["dtype"]) for name, x in inputs["state"].items()}
actions = []
for t in range(len(seen["first"])):
    observation = {name: seen["observation/" + name][t] for name in inputs["observation"]}
    state, action = program.call(state, observation, seen["first"][t], np.bool_(t == 0), np.uint32(5))
    actions.append(np.asarray(action))
ours = [m for m in sys.modules if m.split(".")[0] in ("agent", "envs", "experiments", "flax", "mujoco")]
assert not ours, ours
np.save(out, np.array(actions))
"""


def lived(run: Run, deterministic: bool) -> dict[str, np.ndarray]:
    """Decisions of the brain in its world, as our own code makes them, with an episode's start among them."""
    env = make_env(run.setup, BATCH)
    params = run.learner().params
    options: dict[str, Any] = {"probes": (run.setup.learning.policy,), "actor": mode(run)} if deterministic else {}
    life = begin(run.circuit, env, jax.random.key(1))
    life = life._replace(key=jax.random.key_data(jax.random.key(SEED)))

    @jax.jit
    def roll(life: Life) -> Any:
        def tick(life: Life, number: jax.Array) -> Any:
            seen = life.seen._replace(first=life.seen.first | (number == 4))
            return decide(run.circuit, env, params, life._replace(seen=seen), **options)

        return jax.lax.scan(tick, life, jax.numpy.arange(DECISIONS))[1]

    moments = roll(life)
    observed = {f"observation/{name}": np.asarray(x) for name, x in moments.observation.items()}
    return {"first": np.asarray(moments.first), "action": np.asarray(moments.action), **observed}


@pytest.mark.parametrize("how", ["likeliest", "sampled"])
def test_the_program_acts_as_the_brain_does(trained: Path, tmp_path: Path, scrubjay: Any, how: str) -> None:
    """Reloaded in a process that has JAX and NumPy only; over an episode's start; from a state of rubbish."""
    target = tmp_path / "jay.jax"
    said = scrubjay(
        "export", str(trained), "-o", str(target), "--batch", str(BATCH), *(["--sampled"] if how == "sampled" else [])
    )
    assert said.code == 0, said.err
    assert said.out.split() == [str(target), str(target.with_suffix(".json"))]
    expected = lived(load(trained), how == "likeliest")
    np.savez(tmp_path / "seen.npz", **expected)
    files = [str(tmp_path / name) for name in ("jay.jax", "jay.json", "seen.npz", "actions.npy")]
    subprocess.run([sys.executable, "-c", REPLAY, *files], cwd=tmp_path, check=True, timeout=120)
    actions = np.load(tmp_path / "actions.npy")
    assert actions.std() > 0
    np.testing.assert_allclose(actions, expected["action"], atol=1e-5)
    about = json.loads((tmp_path / "jay.json").read_text())
    assert about["inputs"]["observation"]["retina"]["shape"][0] == BATCH
    assert about["outputs"]["action"]["shape"] == [BATCH, 3]
    assert set(about["platforms"]) == {"cpu", "cuda", "rocm", "tpu"}
    if how == "likeliest":
        done = subprocess.run(
            [sys.executable, "-c", about["example"]], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("[[") == 3


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["{tmp}/none"], "no run at {tmp}/none"),
        (["{run}", "-o", "{tmp}/brain.json"], "Choose another ending, for example .jax"),
        (["{run}", "-o", "{tmp}/none/brain.jax"], "none/brain.jax cannot be written"),
        (["{run}", "--checkpoint", "77"], "holds no complete checkpoint 77. There are: "),
        (["{run}", "--batch", "0"], "0 is not a positive whole number"),
    ],
)
def test_mistakes(trained: Path, tmp_path: Path, scrubjay: Any, arguments: list[str], text: str) -> None:
    places = {"tmp": tmp_path, "run": trained}
    said = scrubjay("export", *(word.format(**places) for word in arguments))
    assert said.code == 2
    assert text.format(**places) in said.err
