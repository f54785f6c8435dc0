"""Lesions of state, and the measures that a task makes of whole episodes."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from agent.errors import ConfigError
from envs.tasks.dmp import Dmp
from experiments import evaluate as module
from experiments.config import composed, experiment
from experiments.evaluate import measure, play
from experiments.learning.rollout import Life
from experiments.run import Run, load
from experiments.scores import Part, Score
from experiments.wipe import Wipe, parse_wipe, wiped
from tests.experiments.conftest import TINY

SMALL = [setting for setting in TINY if "v1" not in setting]
DAY = ["task.trials=3", "task.limit=6", "task.stay=0", "task.delay=4", "task.apart=0.25"]


@pytest.fixture(scope="module")
def run(trained: Path) -> Run:
    return load(trained)


@pytest.fixture(scope="module")
def maze(tmp_path_factory: pytest.TempPathFactory) -> Run:
    values = composed(["agent=gru", "experiment=dmp", *SMALL, *DAY])
    return Run(tmp_path_factory.mktemp("maze"), experiment(values))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hippocampos@2", "--wipe hippocampos@2: no module 'hippocampos'. Did you mean 'hippocampus'?"),
        ("hippocampus", "say at the beginning of which trial: hippocampus@2 (or any later one), or hippocampus@each."),
        ("hippocampus@1", "say at the beginning of which trial"),
        ("hippocampus@2", "the task 'forage' has no trials. Tasks with trials: dmp, reversal."),
    ],
)
def test_mistakes(run: Run, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_wipe(text, run)
    assert said in str(caught.value)


def test_what_a_wipe_sets_back(run: Run) -> None:
    """Trials of four environments: 1 goes on, 1 -> 2, 2 goes on, 2 -> 3."""
    circuit = run.circuit
    full = jax.tree.map(lambda leaf: jnp.ones_like(leaf) * 3, circuit.initial(4))
    life = Life((), (), full, jnp.zeros(2), jnp.int32(0))  # type: ignore[arg-type]
    before, now = jnp.array([1, 1, 2, 2]), jnp.array([1, 2, 2, 3])
    after = wiped(circuit, life, [Wipe("hippocampus", 2), Wipe("prefrontal", 0)], now, before).brain["modules"]
    fresh = circuit.initial(4)["modules"]
    for name, begins in {"hippocampus": [1], "prefrontal": [1, 3], "v1": []}.items():
        for leaf, new, old in zip(
            *map(jax.tree.leaves, (after[name], fresh[name], full["modules"][name])), strict=True
        ):
            for index in range(4):
                np.testing.assert_array_equal(leaf[index], (new if index in begins else old)[index])


def test_a_day_with_and_without_a_wipe(maze: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the second trial nothing differs; the record is that of the episodes' ends, and gives the measures."""
    monkeypatch.setattr(module, "BATCH", 8)
    params = maze.circuit.init(jax.random.key(0))
    intact = play(maze, params, 8)
    wiped = play(maze, params, 8, wipes=[parse_wipe("prefrontal@2", maze)])
    np.testing.assert_array_equal(intact.record["latency"][:, 0], wiped.record["latency"][:, 0])
    assert (intact.record["latency"][:, :3] > 0).all()
    assert intact.record["latency"].max() <= 0.3 + 1e-6
    found = measure(maze, intact)
    assert set(found) == set(maze.env.task.measures(intact.record))  # type: ignore[union-attr]
    assert found["matched"].mean == 0  # there are three trials only
    assert np.isnan(found["savings"].mean)


def test_measures_are_resampled_by_episodes(maze: Run) -> None:
    """Savings of exchangeable trials: the interval covers 0, and its ends are those of the ratio of means."""
    latency = np.random.default_rng(0).uniform(1.0, 3.0, (400, 4))
    record = {"latency": latency, "near": np.zeros((400, 8)), "probe": np.zeros(400, bool)}
    part = measure(maze, module.Played(np.zeros(400), np.zeros(400, int), record))["savings"]
    assert part.low < 0 < part.high
    assert part.mean == pytest.approx(Dmp().measures(record)["savings"])
    # the delta method: the variance of (L1 - M) / L1 is that of M - L1 over L1 squared, for nearly equal means
    spread = (latency[:, 1:].mean(1) - latency[:, 0] * (1 - part.mean)).std() / latency[:, 0].mean() / 20
    assert (part.high - part.low) / (2 * 1.96) == pytest.approx(spread, rel=0.15)


def test_what_is_not_known_is_null_in_json() -> None:
    nothing = Part(float("nan"), float("nan"), float("nan"), 4)
    score = Score(None, 0.1, 0.2, float("nan"), None, None, 4, measures={"savings": nothing})
    told = json.loads(json.dumps(score.plain(), allow_nan=False))
    assert told["mean"] is None
    assert told["measures"]["savings"] == {"mean": None, "low": None, "high": None, "episodes": 4}
