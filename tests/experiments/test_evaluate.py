"""Scores: their formula, their interval, lesions, and the command that prints them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from agent.circuit import Params
from agent.errors import ConfigError
from envs.baselines import baseline
from experiments import evaluate as module
from experiments.altered import alone, altered, apart
from experiments.config import composed, experiment
from experiments.errors import RunError
from experiments.evaluate import Played, evaluate, means, play
from experiments.learning.rollout import Moment, begin, rollout
from experiments.run import Run, load, make_env, ports
from experiments.scores import Score, interval
from tests.experiments.conftest import TINY, Said


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 8)


@pytest.fixture(scope="module")
def run(trained: Path) -> Run:
    return load(trained)


def test_interval_of_a_mean_against_its_closed_form() -> None:
    """For normal data the percentile bootstrap comes near to mean ± 1.96 s / √n."""
    values = np.random.default_rng(1).normal(3.0, 2.0, 400)
    low, high = interval(values)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - half, abs=0.03)
    assert high == pytest.approx(values.mean() + half, abs=0.03)
    assert interval(values) == (low, high)
    assert interval(np.full(5, 2.5)) == (2.5, 2.5)


def test_intervals_cover_what_they_should() -> None:
    rng = np.random.default_rng(2)
    spans = [interval(rng.normal(0.0, 1.0, 100), resamples=300) for _ in range(300)]
    assert 0.90 < np.mean([low < 0.0 < high for low, high in spans]) < 0.98


def test_score_lies_between_null_and_oracle(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = baseline("forage")
    for mean, expected in ((ends.null, 0.0), (ends.oracle, 1.0), (0.5 * (ends.null + ends.oracle), 0.5)):
        played = Played(np.full(4, mean), np.zeros(4, int))
        monkeypatch.setattr(module, "play", lambda *_, played=played, **__: played)
        found = evaluate(run)["forage"]
        assert (found.score, found.low, found.high) == pytest.approx((expected,) * 3)
        assert (found.mean, found.null, found.oracle, found.episodes) == (mean, ends.null, ends.oracle, 4)


def test_returns_are_those_of_first_episodes(run: Run) -> None:
    """Against one long rollout; and nothing in the run's directory is touched."""
    before = {p: p.stat().st_mtime_ns for p in run.path.rglob("*")}
    params = run.learner().params
    returns = play(run, params, 11, deterministic=False).values
    assert returns.shape == (11,)
    env = make_env(run.setup, 8)

    @jax.jit
    def live(params: Params, key: jax.Array) -> Moment:
        return rollout(run.circuit, env, params, begin(run.circuit, env, key), 256)[1]

    lived = live(params, jax.random.key(1))
    for i in range(8):
        end = int(np.argmax(lived.ends[:, i]))
        assert lived.ends[end, i]
        assert returns[i] == pytest.approx(float(lived.reward[: end + 1, i].sum()), abs=1e-4)
    assert {p: p.stat().st_mtime_ns for p in run.path.rglob("*")} == before


def test_a_lesion_sends_the_mean(run: Run) -> None:
    """Everything that a lesioned module sends is its mean over intact behaviour; the rest is as it was."""
    params = run.learner().params
    clamp = means(run, params, ["v1"], decisions=16)
    assert set(clamp) == {"v1.rate", "v1.spikes", "v1.membrane", "v1.rate_loss"}
    env = make_env(run.setup, 8)

    @jax.jit
    def both(params: Params, key: jax.Array) -> list[dict[str, jax.Array]]:
        life, probes = begin(run.circuit, env, key), ("v1.rate", "retina.code", "association.code")
        return [rollout(run.circuit, env, params, life, 16, probes=probes, clamp=c)[1].trace for c in ({}, clamp)]

    intact, lesioned = both(params, jax.random.key(99991))
    np.testing.assert_allclose(clamp["v1.rate"], intact["v1.rate"].mean((0, 1)), atol=1e-6)
    np.testing.assert_array_equal(lesioned["v1.rate"], jnp.broadcast_to(clamp["v1.rate"], intact["v1.rate"].shape))
    np.testing.assert_array_equal(lesioned["retina.code"][0], intact["retina.code"][0])
    assert float(jnp.abs(lesioned["association.code"][0] - intact["association.code"][0]).max()) > 1e-6


def test_lesions_reach_behaviour(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(module, "means", lambda run, params, names: {"retina.code": "mean"})
    played = Played(np.zeros(4), np.zeros(4, int))
    monkeypatch.setattr(module, "play", lambda *_, clamp, **__: seen.append(clamp) or played)
    assert evaluate(run, 4, ["retina"])["forage"].lesions == ("retina",)
    assert evaluate(run, 4)["forage"].lesions == ()
    assert seen == [{"retina.code": "mean"}, {}]


def test_command_prints_a_person_s_summary(
    scrubjay: Callable[..., Said], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"forage": Score(0.5, 0.4, 0.6, 19.0, 0.1, 37.8, 512, ("v1",))}
    monkeypatch.setattr(module, "evaluate", lambda *_, **__: found)
    said = scrubjay("evaluate", str(run.path), "--lesion", "v1", "retina", "--lesion", "motor")
    assert (said.code, said.err) == (0, "")
    assert said.out == (
        f"{run.path}, lesioned: v1, retina, motor\n"
        "  forage: score 0.500 [0.400, 0.600] over 512 episodes\n"
        "          mean return 19.00 (null 0.10 = 0, oracle 37.80 = 1)\n"
    )
    said = scrubjay("evaluate", str(run.path), "--json")
    assert json.loads(said.out)["forage"]["lesions"] == ["v1"]
    assert said.out.count("\n") == 1


def test_groups_are_told_apart(run: Run, scrubjay: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: group 0 has 1, 0, 1, group 2 has 0.5; a group that was not met is left out."""
    played = Played(np.array([1.0, 0.5, 0.0, 1.0]), np.array([0, 2, 0, 0]))
    monkeypatch.setattr(module, "play", lambda *_, **__: played)
    monkeypatch.setattr(module, "groups", lambda task: ("near", "far", "none"))
    found = evaluate(run)["forage"].groups
    assert {name: (part.mean, part.episodes) for name, part in found.items()} == {
        "near": (pytest.approx(2 / 3), 3),
        "none": (0.5, 1),
    }
    said = scrubjay("evaluate", str(run.path))
    assert said.out.splitlines()[3:] == [
        "          near  return 0.667 [0.000, 1.000] in 3",
        "          none  return 0.500 [0.500, 0.500] in 1",
    ]
    assert json.loads(scrubjay("evaluate", str(run.path), "--json").out)["forage"]["groups"]["none"]["mean"] == 0.5


def test_the_world_is_set_anew(run: Run) -> None:
    other = altered(run, ["task.good=blue", "env.body.changes={mass: 2.0}"])
    assert (other.env.task.good, other.env.changes.mass) == ("blue", 2.0)
    assert (other.path, other.setup.agent) == (run.path, run.setup.agent)
    assert other.circuit.inputs == run.circuit.inputs
    assert altered(run, []) is run
    held = altered(run, ["agent.modules.hippocampus.level=0.3"])
    assert held.circuit.modules["hippocampus"].level == 0.3
    elsewhere = altered(run, ["task=dmp", "task.delay=40"])
    assert (elsewhere.setup.world, elsewhere.env.task.delay, elsewhere.trained) == ("dmp", (40, 40), run)


def test_the_tasks_of_a_joint_run(tmp_path: Path) -> None:
    """Each alone, with the senses that the brain knows; one of them set anew; and none of them named."""
    small = [text for text in TINY if text.startswith("learning")]
    values = composed([*small, "agent=gru", "task=joint", "task.tasks={forage: {}, ground: {}}", "task.worth={}"])
    joint = Run(tmp_path, experiment(values))
    parts = apart(joint)
    assert list(parts) == ["forage", "ground"]
    assert ports(parts["forage"].env) == ports(joint.env)
    assert parts["forage"].env.labels == joint.env.labels
    other = altered(joint, ["task=ground", "task.split=pairs"])
    assert (other.setup.world, other.env.task.split, other.trained) == ("ground", "pairs", joint)
    assert alone(other) is other
    with pytest.raises(ConfigError, match=r"override task=grund: no task 'grund'\. Did you mean 'ground'"):
        altered(joint, ["task=grund"])
    with pytest.raises(RunError, match=r"learned 2 tasks\. Name one: task=forage"):
        alone(joint)


@pytest.mark.parametrize(
    ("override", "text"),
    [
        (
            "seed=3",
            "override 'seed=3': the brain is trained, so that only its world and options of its modules can be set",
        ),
        ("agent/memory=none", "override 'agent/memory=none': the brain is trained"),
        ("task=grund", "override task=grund: no task 'grund'. Did you mean 'ground'?"),
        ("task=ant", "task 'ant' brings its own machine"),
        ("env=arena", "override 'env=arena': say which value of it: env.NAME=value, such as env.threads=1."),
        (
            "agent.modules.prefrontal.size=9",
            "the weights of 'motor', 'prefrontal', 'value' were trained for",
        ),
        ("agent.wires=[]", "override 'agent.wires=[]': the brain is trained"),
        ("tsk/x=3", "no group 'tsk/x'"),
        ("task.godo=red", "no option of forage 'godo'"),
        ("env.enigne=c", "env: no option 'enigne'. Did you mean 'engine'?"),
        ("env.senses=[retina]", "it knows touch: rate[8], which is not there"),
        ("env.senses.retina.rays=8", "it knows retina: image[2, 32, 4], but here it is image[2, 8, 4]"),
        ("env.body=arm", "it moves by action[3], but here action[4] is wanted"),
        ("env.id=CartPole-v1", "'CartPole-v1' is a Gymnasium environment"),
    ],
)
def test_a_world_that_the_brain_is_not_for(run: Run, scrubjay: Callable[..., Said], override: str, text: str) -> None:
    said = scrubjay("evaluate", str(run.path), override)
    assert (said.code, said.out) == (2, "")
    assert text in said.err
