"""Contracts of every task: finite, deterministic, oracle near 1, nulls near 0; episodes, streams of random numbers."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs import baselines
from envs.measures import estimate
from tests.envs.conftest import BATCH, STEPS, Rig

TASKS = list(envs.tasks())


@pytest.fixture(scope="module", params=TASKS)
def any_rig(request: pytest.FixtureRequest, rig: Rig) -> Rig:
    return rig if request.param == rig.env.name else Rig(envs.make(request.param, batch=BATCH))


def test_observations_are_as_announced(any_rig: Rig) -> None:
    state, step = any_rig.reset(jax.random.key(0))
    space = any_rig.env.observation_space
    _, steps = any_rig.roll(state, any_rig.actions())
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(steps))
    for env in range(BATCH):
        for time in range(0, STEPS, 10):
            assert jax.tree.map(lambda leaf, t=time, e=env: np.asarray(leaf[t, e]), steps.observation) in space
    assert set(step.observation) == set(space.spaces)
    np.testing.assert_allclose(steps.reward, sum(steps.terms.values()), atol=1e-6)
    assert not np.asarray(steps.bad).any()
    np.testing.assert_array_equal(steps.first[1:], steps.last[:-1])


def test_reset_is_a_step_from_blank(rig: Rig) -> None:
    for a, b in zip(
        jax.tree.leaves(jax.jit(rig.env.reset)(jax.random.key(5))),
        jax.tree.leaves(rig.reset(jax.random.key(5))),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_same_seed_same_numbers(any_rig: Rig) -> None:
    runs = [any_rig.roll(any_rig.reset(jax.random.key(seed))[0], any_rig.actions()) for seed in (7, 7, 8)]
    for a, b in zip(jax.tree.leaves(runs[0]), jax.tree.leaves(runs[1]), strict=True):
        np.testing.assert_array_equal(a, b)
    steps, others = (jax.tree.leaves(run[1]) for run in runs[1:])
    assert not all(np.array_equal(a, b) for a, b in zip(steps, others, strict=True))


def test_environments_do_not_depend_on_the_batch(rig: Rig) -> None:
    small = Rig(envs.make("forage", batch=3))
    actions = rig.actions()
    _, many = rig.roll(rig.reset(jax.random.key(2))[0], actions)
    _, few = small.roll(small.reset(jax.random.key(2))[0], actions[:, :3])
    # contacts amplify the last bit, in which programs of different sizes may differ
    np.testing.assert_allclose(many.observation["retina"][:15, :3], few.observation["retina"][:15], atol=1e-4)
    np.testing.assert_array_equal(many.last[:, :3], few.last)
    np.testing.assert_array_equal(many.first[-1], True)
    np.testing.assert_allclose(many.observation["retina"][-1, :3], few.observation["retina"][-1], atol=1e-4)


@pytest.mark.parametrize("task", TASKS)
def test_stored_baseline_is_true(task: str) -> None:
    """The stored ends of the scale, computed again on fewer episodes: within five standard errors."""
    stored = envs.baseline(task)
    env = envs.make(task, batch=100)
    nulls, oracles = baselines.policies(env)
    for name, policy in (nulls | oracles).items():
        if name not in (stored.null_policy, stored.oracle_policy):
            continue
        mean, error = estimate(env.task, *baselines.play(env, policy, 100, jax.random.key(11)))
        kept = stored.policies[name]
        assert abs(mean - kept["mean"]) <= 5 * np.hypot(error, kept["se"]) + 1e-6, name
    assert stored.score(stored.oracle) == 1
    assert stored.score(stored.null) == 0
    assert set(stored.policies) == set(nulls | oracles)
    assert stored.episodes >= 2000


def test_an_episode_of_forage(rig: Rig) -> None:
    state, step = rig.reset(jax.random.key(0))
    assert np.asarray(step.first).all()
    assert not np.asarray(step.reward).any()
    actions = rig.actions()
    state, steps = rig.roll(state, actions)
    np.testing.assert_array_equal(np.flatnonzero(np.asarray(steps.last)[:, 0]), [199])  # 400 control steps
    np.testing.assert_array_equal(steps.discount, 1.0)  # cut off, not ended
    np.testing.assert_array_equal(steps.first[200], True)
    np.testing.assert_array_equal(steps.reward[200], 0.0)
    np.testing.assert_array_equal(steps.observation["action"][200], 0.0)
    np.testing.assert_allclose(steps.observation["action"][:200], actions[:200])
    np.testing.assert_allclose(steps.observation["reward"][..., 0], steps.reward)
    np.testing.assert_allclose(steps.observation["intero"][200], np.tile([1.0, 0.0], (BATCH, 1)))


def test_things_of_forage_keep_their_places(rig: Rig) -> None:
    """Inside the margin, clear of each other; taken ones reappear away from the body."""
    draw = jax.jit(jax.vmap(lambda key: rig.env.task.reset(key, rig.env.body)))
    drawn, _ = draw(jax.random.split(jax.random.key(0), 500))
    places = np.asarray(drawn.position)
    assert np.abs(places).max() <= 0.85
    apart = np.sqrt(((places[:, :, None] - places[:, None]) ** 2).sum(-1)) + 10 * np.eye(6)
    assert (apart > 0.2).mean() > 0.999
    state, _ = rig.reset(jax.random.key(0))
    target = state.task.position[:, 0]
    pose = rig.env.pose(state)._replace(position=target - jnp.array([0.165, 0.0]))
    outcome = jax.jit(jax.vmap(lambda t, p, f, k: rig.env.task.step(t, p, f, jnp.zeros(3), k, rig.env.body)))(
        state.task, pose, state.physics, jax.random.split(jax.random.key(1), BATCH)
    )
    moved = np.asarray(outcome.state.position != state.task.position).any(-1)
    np.testing.assert_array_equal(moved.sum(-1), 1)
    taken = np.asarray(outcome.terms["good"] - outcome.terms["bad"])
    np.testing.assert_array_equal(taken, 1.0)


def test_eating_fills_and_poison_hurts() -> None:
    from envs.moment import Fixed, Moment
    from envs.senses.interoception import Interoception

    nothing: Any = [None] * 5
    sense, fixed = Interoception(), Fixed(None, nothing[0], 3, 0.1)

    def moment(**terms: float) -> Moment:
        return Moment(
            *nothing, {name: jnp.float32(value) for name, value in terms.items()}, jnp.bool_(False), nothing[0]
        )

    state = jnp.array([0.5, 0.0])
    np.testing.assert_allclose(sense(fixed, state, moment(good=0.0))[1], [0.5 - 0.1 / 60, 0.0], atol=1e-6)
    np.testing.assert_allclose(sense(fixed, state, moment(good=1.0, bad=-1.0))[1], [0.6 - 0.1 / 60, 1.0], atol=1e-6)
    np.testing.assert_allclose(sense(fixed, jnp.array([0.5, 1.0]), moment(good=0.0))[1][1], np.exp(-0.2), atol=1e-6)


BLINK = '''
from dataclasses import dataclass
from typing import NamedTuple
import jax, jax.numpy as jnp
from envs.moment import Outcome
from envs.scene import PartCounts, Start, Things, scene

class BlinkState(NamedTuple):
    time: jax.Array

@dataclass(frozen=True)
class Blink:
    """Trials of four control steps; after each the body waits two in the dark at the centre."""
    horizon: int = 20
    metric = "return"
    terms = ("time",)
    parts = PartCounts(things=1)

    def reset(self, key, body):
        return BlinkState(jnp.int32(0)), Start(jnp.zeros(2), jnp.float32(0))

    def scene(self, state):
        thing = Things(jnp.array([[0.5, 0.5]]), jnp.array([0.1]), jnp.ones((1, 3)), jnp.ones((1, 2)))
        return scene(thing, "plain", dark=state.time % 6 >= 4)

    def step(self, state, pose, physics, action, key, body):
        time = state.time + 1
        return Outcome(BlinkState(time), {"time": 1.0 * time}, time >= self.horizon, jnp.bool_(False),
                       time % 6 >= 4, Start(jnp.zeros(2), jnp.float32(0)))

    def scripted(self):
        return {}
'''


def test_a_new_task_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the folder is enough; and a task may move the body, hold it, put out the light and end for good."""
    (tmp_path / "blink.py").write_text(textwrap.dedent(BLINK))
    monkeypatch.setattr(sys.modules["envs.tasks"], "__path__", [*sys.modules["envs.tasks"].__path__, str(tmp_path)])
    assert "blink" in envs.tasks()
    rig = Rig(envs.make("blink", batch=2))
    state, _ = rig.reset(jax.random.key(0))
    position, dark, steps = [], [], []
    for _ in range(10):
        state, step = rig.step(state, jnp.tile(jnp.array([1.0, 0.0, 0.0]), (2, 1)))
        position.append(float(state.physics.qpos[0, 0]))
        dark.append(not np.asarray(step.observation["retina"][0]).any())
        steps.append(step)
    assert dark == [False, True, False, False, True, False, False, True, False, False]
    assert position[0] > 0.05
    assert position[1] > position[0]
    assert position[2] == pytest.approx(0.0, abs=1e-6)
    assert position[3] > 0.05
    assert [bool(step.last[0]) for step in steps] == [False] * 9 + [True]
    assert float(steps[-1].discount[0]) == 0.0
    state, step = rig.step(state, jnp.zeros((2, 3)))
    assert bool(step.first[0])
    assert not bool(step.last[0])
    with pytest.raises(envs.EnvError, match=r"task 'blink' has no stored baseline\. Compute it: python -m"):
        envs.baseline("blink")
