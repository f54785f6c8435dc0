"""DMP: where platforms are, what a find sets off, the dark between trials, and the measures."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs.registry import EnvError
from envs.scene import LANDMARK_WALLS, Pose
from envs.scripted import View
from envs.tasks.dmp import APART, Dmp, images

BODY = envs.bodies()["roller"]()


def drawn(task: Dmp, number: int = 2000) -> Any:
    keys = jax.random.split(jax.random.key(3), number)
    return jax.device_get(jax.jit(jax.vmap(lambda key: task.reset(key, BODY)))(keys))


class Played:
    """A task moved on by poses alone, one control step after the other."""

    def __init__(self, task: Dmp, seed: int = 0) -> None:
        self.task, self.key = task, jax.random.key(seed)
        self.state, _ = task.reset(self.key, BODY)
        self._step = jax.jit(lambda s, p, k: task.step(s, p, None, jnp.zeros(3), k, BODY))  # type: ignore[arg-type]

    def at(self, position: Any) -> Any:
        pose = Pose(jnp.asarray(position, jnp.float32), jnp.float32(0), jnp.zeros(2), jnp.float32(0))
        self.key, key = jax.random.split(self.key)
        outcome = self._step(self.state, pose, key)
        self.state = outcome.state
        return outcome

    def find(self) -> Any:
        return self.at(self.state.platform)

    def miss(self) -> Any:
        return self.at(-self.state.platform - 0.3 * jnp.sign(self.state.platform))


def test_platforms_of_training_and_test_are_in_other_cells() -> None:
    cells = {}
    for split in ("train", "cells"):
        state, start = drawn(Dmp(split=split))
        assert np.abs(state.platform).max() <= 0.8
        assert np.linalg.norm(start.position - state.platform, axis=-1).min() >= 0.7
        cells[split] = set(map(tuple, np.floor(state.platform / 0.4 + 2).astype(int).tolist()))
    assert cells["cells"] == set(APART)
    assert len(cells["train"]) == 12
    assert cells["train"].isdisjoint(cells["cells"])


def test_a_new_room_has_the_same_colours_elsewhere() -> None:
    task = Dmp(split="room")
    state, _ = drawn(task, 200)
    looks = np.asarray(jax.vmap(lambda s: task.scene(s).walls.colour)(state))
    home = np.asarray(LANDMARK_WALLS, np.float32)
    assert not (looks == home).all((1, 2)).any()
    assert (np.sort(looks, axis=1) == np.sort(home, axis=0)).all()
    assert (np.asarray(jax.vmap(lambda s: Dmp().scene(s).walls.colour)(drawn(Dmp(), 20)[0])) == home).all()


def test_a_find_and_the_next_trial() -> None:
    day = Played(Dmp())
    for _ in range(4):
        assert not day.miss().terms["found"]
    outcome = day.find()
    assert float(outcome.terms["found"]) == 1
    assert bool(outcome.move)
    np.testing.assert_allclose(outcome.start.position, day.state.platform, atol=1e-6)  # it stays there
    assert day.state.latency.tolist() == [5, 0, 0, 0]
    outcome = day.find()  # standing on the platform is not finding it again
    assert float(outcome.terms["found"]) == 0
    assert np.linalg.norm(outcome.start.position - day.state.platform) >= 0.7
    day.find()
    assert not bool(day.miss().move)
    assert float(day.find().terms["found"]) == 1
    assert day.state.latency.tolist() == [5, 2, 0, 0]
    assert int(day.task.trial(day.state)) == 2


def test_search_is_budgeted_without_the_delay() -> None:
    day, steps = Played(Dmp(search=10, delay=6)), 1
    day.find()
    while not bool(day.miss().cut_off):
        steps += 1
    assert steps + 1 == 10 + 6 == day.task.horizon


def test_only_the_first_pauses_are_delayed() -> None:
    day, dark = Played(Dmp(delay=5, delayed=2)), []
    for _ in range(40):
        day.find()
        dark.append(bool(day.task.scene(day.state).dark))
    assert sum(dark) == 10


def test_an_experiment_with_animals() -> None:
    """Two trials of five control steps: one cut off, one found; then the end."""
    day = Played(Dmp(trials=2, limit=5, stay=0))
    ends = [bool(day.miss().ended) for _ in range(6)]
    ends += [bool(day.find().ended) for _ in range(1)]
    assert ends == [False] * 6 + [True]
    assert day.state.latency.tolist()[:2] == [5, 1]
    assert int(day.state.finds) == 1
    assert Dmp(trials=4, delay=100, delayed=3).horizon == 4 * 102 + 300


def test_a_probe_has_no_platform_at_first() -> None:
    day = Played(Dmp(probe=1.0, stay=0))
    assert float(day.find().terms["found"]) == 1  # the first trial is as ever
    day.miss()
    found = [float(day.find().terms["found"]) for _ in range(61)]
    assert found == [0.0] * 60 + [1.0]
    assert day.state.near[0] == 60
    assert (np.linalg.norm(images(day.state.platform) - day.state.platform, axis=-1) < 0.3).sum() == (
        day.state.near == 60
    ).sum()


def test_the_dark_is_dark_and_the_body_stays() -> None:
    """In the world: what is seen, and where the body is, while the oracle tries to drive on."""
    env: Any = envs.make("dmp", batch=4, senses=["retina"], delay=20)
    policy = env.task.scripted()["one_shot"]
    act = jax.vmap(lambda memory, pose, scene, task, key: policy.act(memory, View(pose, scene, task), key))

    @jax.jit
    def live(key: jax.Array) -> Any:
        def decide(carry: Any, key: jax.Array) -> Any:
            (state, memory), keys = carry, jax.random.split(key, 4)
            memory, action = act(memory, env.pose(state), env.scene(state), state.task, keys)
            state, step = env.step(state, action)
            return (state, memory), (state.task.clock, state.task.start, env.pose(state), step.observation["retina"])

        state, _ = env.reset(key)
        memory = jax.vmap(policy.initial)(jax.random.split(key, 4))
        return jax.lax.scan(decide, (state, memory), jax.random.split(key, 150))[1]

    clock, start, pose, retina = jax.device_get(live(jax.random.key(1)))
    dark = ~retina.any((2, 3, 4))
    np.testing.assert_array_equal(dark, clock.delayed)
    assert dark.any(0).all()
    settled = clock.delayed & (clock.wait <= clock.delay)  # the body is put there in the first step of the dark
    gap = np.linalg.norm(pose.position - start.position, axis=-1)
    assert gap[settled].max() < 1e-5
    assert np.abs(pose.velocity[settled]).max() < 1e-5
    assert (dark.sum(0) == 10).all()  # 20 control steps


def test_something_to_do_in_the_delay() -> None:
    """A distractor's things are there in the delay only, and the platform only outside it."""
    day = Played(Dmp(distractor=True, delay=6, stay=0))
    shown = lambda: day.task.scene(day.state)  # noqa: E731
    assert np.abs(shown().things.position).min() > 10
    day.find()
    scene = shown()
    assert np.abs(scene.things.position).max() < 1
    assert not bool(scene.dark)
    assert np.ptp(np.asarray(scene.walls.colour)) == 0
    good = scene.things.position[0] - jnp.array([0.165, 0.0])
    outcome = day.at(good)
    assert float(outcome.terms["good"]) == pytest.approx(0.2)
    assert not bool(outcome.move)
    assert float(day.find().terms["found"]) == 0
    for _ in range(4):
        outcome = day.miss()
    assert bool(outcome.move)
    day.miss()
    assert float(day.at(shown().things.position[0]).terms["good"]) == 0


def test_measures_by_hand() -> None:
    record = {
        "latency": np.array([[4.0, 2.0, 1.0, 1.0], [2.0, 1.0, 0.5, 0.5], [3.0, 2.0, 0.0, 0.0], [9.0, 9.0, 9.0, 9.0]]),
        "near": np.array([[0] * 8] * 3 + [[30, 6, 0, 0, 15, 0, 0, 0]]),
        "probe": np.array([False, False, False, True]),
    }
    found = Dmp(probe=0.25).measures(record)
    assert [found[f"latency_{n}"] for n in (1, 2, 3, 4)] == [3.0, 1.5, 0.75, 0.75]
    assert found["savings"] == pytest.approx((3 - 1) / 3)
    assert found["savings_second"] == pytest.approx(0.5)
    assert found["matched"] == pytest.approx(2 / 3)
    assert (found["probe_place"], found["probe_mirrors"]) == (0.5, pytest.approx(0.05))
    assert np.isnan(Dmp().measures({k: v[2:3] for k, v in record.items()})["savings"])


def test_stored_ends() -> None:
    policies = envs.baseline("dmp").policies
    assert envs.baseline("dmp").null_policy == "mower"
    assert policies["random"]["mean"] < policies["wander"]["mean"] < policies["mower"]["mean"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"split": "cell"}, "no choice of dmp.split 'cell'. Did you mean 'cells'?"),
        ({"delay": [5, 1]}, "dmp.delay is [5, 1]"),
        ({"probe": 2.0}, "dmp.probe is 2.0; it is a part of all episodes"),
        ({"radius": 0.5}, "dmp.radius is 0.5 m"),
        ({"apart": 0.1}, "dmp.apart is 0.1 m"),
        ({"search": 0}, "dmp.search is 0; 1 or more is wanted."),
    ],
)
def test_mistakes(options: dict[str, Any], text: str) -> None:
    with pytest.raises(EnvError) as caught:
        Dmp(**options)
    assert text in str(caught.value)
