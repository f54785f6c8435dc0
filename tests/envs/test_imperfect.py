"""Rate, delay, noise and dropout of any sense, and half a retina, against the undisturbed reading."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs import rendering
from envs.imperfect import Imperfect
from envs.moment import Fixed, Moment
from envs.senses.retina import Retina
from tests.envs.conftest import BATCH, STEPS, Rig

FIXED = Fixed(None, None, 3, 0.1)  # type: ignore[arg-type]
LENGTH = 24
TRUTH = np.arange(1, LENGTH + 1, dtype=np.float32)


@dataclass(frozen=True)
class Clock:
    """`[2, width]`: the number of the decision in its episode, from 1."""

    width: int = 3
    low: float = 0.0
    high: float = 1e4
    dtype: Any = np.float32

    key = "clock"

    def space(self, fixed: Fixed) -> gymnasium.spaces.Box:
        del fixed
        return gymnasium.spaces.Box(self.low, self.high, (2, self.width), self.dtype)

    def initial(self, fixed: Fixed) -> jax.Array:
        del fixed
        return jnp.int32(0)

    def __call__(self, fixed: Fixed, state: jax.Array, moment: Moment) -> tuple[jax.Array, jax.Array]:
        del fixed, moment
        return state + 1, jnp.full((2, self.width), state + 1, self.dtype)


def readings(sense: Imperfect, length: int = LENGTH, seed: int = 0) -> np.ndarray:
    """`[T, 2, width]` of one episode."""
    nothing: Any = [None] * 7

    def step(state: Any, key: jax.Array) -> Any:
        return sense(FIXED, state, Moment(*nothing, key))

    _, found = jax.lax.scan(step, sense.initial(FIXED), jax.random.split(jax.random.key(seed), length))
    assert found.shape == (length, *sense.space(FIXED).shape)
    return np.asarray(found)


def first_number(sense: Imperfect) -> np.ndarray:
    found = readings(sense)
    np.testing.assert_array_equal(found, np.broadcast_to(found[:, :1, :1], found.shape))  # a reading stays whole
    return found[:, 0, 0]


@pytest.mark.parametrize("delay", [0, 1, 2, 7, LENGTH + 5])
def test_a_delay_is_exact(delay: int) -> None:
    expected = np.concatenate([np.zeros(delay), TRUTH])[:LENGTH]
    np.testing.assert_array_equal(first_number(Imperfect(Clock(), delay=delay)), expected)


@pytest.mark.parametrize(("rate", "every"), [(10.0, 1), (5.0, 2), (3.33, 3), (10 / 3, 3), (2.5, 4), (1.0, 10)])
def test_a_rate_renews_and_holds(rate: float, every: int) -> None:
    expected = TRUTH[np.arange(LENGTH) // every * every]
    np.testing.assert_array_equal(first_number(Imperfect(Clock(), rate=rate)), expected)


def test_rate_and_delay_together() -> None:
    held = TRUTH[np.arange(LENGTH) // 3 * 3]
    expected = np.concatenate([np.zeros(2), held])[:LENGTH]
    np.testing.assert_array_equal(first_number(Imperfect(Clock(), rate=10 / 3, delay=2)), expected)


def test_noise_is_gaussian_white_and_of_the_size_asked_for() -> None:
    sense = Imperfect(Clock(width=50, low=-1e4), noise=0.3)
    error = (readings(sense, 400) - np.arange(1, 401)[:, None, None]).reshape(400, 100)
    number = error.size
    assert abs(error.mean()) < 5 * 0.3 / np.sqrt(number)
    assert abs(error.std() - 0.3) < 5 * 0.3 / np.sqrt(2 * number)
    z = error / 0.3
    assert abs((z**4).mean() - 3) < 5 * np.sqrt(96 / number)
    assert abs((z[1:] * z[:-1]).mean()) < 5 / np.sqrt(number)  # from decision to decision
    assert abs((z[:, 1:] * z[:, :-1]).mean()) < 5 / np.sqrt(number)  # from number to number


def test_noise_stays_within_the_space() -> None:
    found = readings(Imperfect(Clock(low=0.0, high=2.0), noise=1e3), 200)
    assert found.min() == 0.0
    assert found.max() == 2.0
    assert 0.3 < (found == 0.0).mean() < 0.7


def test_noise_is_held_and_delayed_with_its_reading() -> None:
    plain = readings(Imperfect(Clock(low=-1e4), noise=0.3, rate=5.0))
    np.testing.assert_array_equal(plain[0::2], plain[1::2])
    assert np.all(plain[2::2] != plain[0:-2:2])
    late = readings(Imperfect(Clock(low=-1e4), noise=0.3, rate=5.0, delay=3))
    np.testing.assert_array_equal(late[3:], plain[:-3])


def test_dropout_loses_whole_readings_as_often_as_asked_for() -> None:
    number = 4000
    found = readings(Imperfect(Clock(), dropout=0.2), number)
    lost = (found == 0).all((1, 2))
    np.testing.assert_array_equal(lost, (found == 0).any((1, 2)))
    np.testing.assert_array_equal(found[~lost, 0, 0], np.arange(1, number + 1)[~lost])
    assert abs(lost.mean() - 0.2) < 5 * np.sqrt(0.2 * 0.8 / number)
    again = lost[1:][lost[:-1]].mean()  # independent of the decision before
    assert abs(again - 0.2) < 5 * np.sqrt(0.2 * 0.8 / lost.sum())


def test_dropout_does_not_disturb_what_is_held_or_under_way() -> None:
    whole = readings(Imperfect(Clock(), rate=5.0, delay=1))
    found = readings(Imperfect(Clock(), rate=5.0, delay=1, dropout=0.3))
    lost = (found == 0).all((1, 2))
    assert 0 < lost[1:].sum() < LENGTH - 1
    np.testing.assert_array_equal(found[~lost], whole[~lost])


def test_a_lost_sense() -> None:
    np.testing.assert_array_equal(readings(Imperfect(Clock(), dropout=1.0)), 0.0)


def test_what_is_lost_lies_in_the_space() -> None:
    """A space without 0 has its nearest end instead; whole numbers stay whole."""
    assert (readings(Imperfect(Clock(low=0.5), dropout=1.0)) == 0.5).all()
    found = readings(Imperfect(Clock(dtype=np.int32), delay=1, rate=5.0, dropout=0.5))
    assert found.dtype == np.int32


ALL = {"noise": 0.05, "delay": 2, "rate": 5, "dropout": 0.25}
OTHERS: dict[str, dict[str, Any]] = {"touch": {}, "proprioception": {}, "action": {}, "reward": {}, "interoception": {}}


@pytest.fixture(scope="module")
def imperfect_rig() -> Rig:
    return Rig(envs.make("forage", batch=BATCH, senses={"retina": {"rays": 32, **ALL}, **OTHERS}))


def test_the_world_is_the_same_with_an_imperfect_sense(rig: Rig, imperfect_rig: Rig) -> None:
    """Bodies, tasks and the other senses go on as they would; the retina is the true one, held, late, noisy, lost."""
    actions = rig.actions()
    last, steps = rig.roll(rig.reset(jax.random.key(3))[0], actions)
    imperfect_last, imperfect = imperfect_rig.roll(imperfect_rig.reset(jax.random.key(3))[0], actions)
    np.testing.assert_array_equal(last.key, imperfect_last.key)
    np.testing.assert_array_equal(last.count, imperfect_last.count)
    np.testing.assert_array_equal(steps.last, imperfect.last)
    for name in ("touch", "proprio", "reward", "intero", "action"):  # contacts amplify the last bit
        np.testing.assert_allclose(steps.observation[name][:15], imperfect.observation[name][:15], atol=1e-4)
    true, found = (np.asarray(s.observation["retina"]) for s in (steps, imperfect))
    lost = (found == 0).all((2, 3, 4))
    assert abs(lost[:199].mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / lost.size)
    for time in range(2, 15):  # the reset was decision 0 of the episode, so `true[t]` is decision t + 1
        renewed = (time + 1 - 2) // 2 * 2 - 1
        if renewed >= 0:
            difference = (found[time] - true[renewed])[~lost[time]]
            assert abs(difference).max() < 0.05 * 6
            assert 0.6 * 0.05 < difference.std() < 1.15 * 0.05  # clipping takes some of it
    np.testing.assert_array_equal(imperfect.first[200], True)
    np.testing.assert_array_equal(found[200], 0.0)  # nothing of the old episode comes in late
    assert np.asarray(found[199]).any()


def test_readings_are_in_the_space_and_finite(imperfect_rig: Rig) -> None:
    _, steps = imperfect_rig.roll(imperfect_rig.reset(jax.random.key(0))[0], imperfect_rig.actions())
    space = imperfect_rig.env.observation_space
    for env in range(BATCH):
        for time in range(0, STEPS, 20):
            assert jax.tree.map(lambda leaf, t=time, e=env: np.asarray(leaf[t, e]), steps.observation) in space


def test_noise_follows_from_the_seed(imperfect_rig: Rig) -> None:
    runs = [
        np.asarray(
            imperfect_rig.roll(imperfect_rig.reset(jax.random.key(seed))[0], imperfect_rig.actions())[1].observation[
                "retina"
            ]
        )
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any((1, 2, 3, 4))[2:-1].all()  # at the ends, nothing has arrived
    lost = (runs[0] == 0).all((2, 3, 4))
    assert len({tuple(column) for column in lost.T}) == BATCH  # environments lose theirs at different times


def test_noise_depends_neither_on_the_batch_nor_on_other_senses(imperfect_rig: Rig) -> None:
    """A lost reading tells the noise by which it was drawn: exactly the same ones are lost."""
    few = Rig(envs.make("forage", batch=3, senses={"touch": {"dropout": 0.5}, "retina": {**ALL, "rays": 32}}))
    actions = imperfect_rig.actions()
    _, many = imperfect_rig.roll(imperfect_rig.reset(jax.random.key(4))[0], actions)
    _, some = few.roll(few.reset(jax.random.key(4))[0], actions[:, :3])
    one, other = np.asarray(many.observation["retina"])[:, :3], np.asarray(some.observation["retina"])
    np.testing.assert_array_equal((one == 0).all((2, 3, 4)), (other == 0).all((2, 3, 4)))
    np.testing.assert_allclose(one[:15], other[:15], atol=1e-4)
    assert other[:15].any()


def _pictures() -> bool:
    try:
        return bool(rendering.backend())
    except envs.EnvError:
        return False


def test_every_sense_can_be_imperfect() -> None:
    """Whatever senses there are (a camera where one can be had): the same space, readings in it."""
    names = [name for name in envs.senses() if name != "camera" or _pictures()]
    plain = envs.make("forage", batch=2, senses=names, rule="told")
    options = {name: {**ALL, "noise": 0.0 if name == "sentence" else ALL["noise"]} for name in names}
    rig = Rig(envs.make("forage", batch=2, senses=options, rule="told"))
    assert rig.env.observation_space == plain.observation_space
    state, _ = rig.reset(jax.random.key(0))
    for action in rig.actions(4):
        state, step = rig.step(state, action)
        assert jax.tree.map(lambda leaf: np.asarray(leaf[1]), step.observation) in rig.env.observation_space


def test_a_sense_without_imperfections_is_bare() -> None:
    assert envs.make("forage", senses={"retina": {"rays": 16}}).senses == (Retina(rays=16),)
    wrapped = envs.make("forage", senses={"retina": {"rays": 16, "rate": 5}}).senses
    assert wrapped == (Imperfect(Retina(rays=16), rate=5.0),)


def test_half_a_retina(rig: Rig) -> None:
    state, step = rig.reset(jax.random.key(0))
    whole = np.asarray(step.observation["retina"])
    halves = {}
    for side in ("left", "right", "both"):
        half = Rig(envs.make("forage", batch=BATCH, senses={"retina": {"side": side}}))
        halves[side] = np.asarray(half.reset(jax.random.key(0))[1].observation["retina"])
    np.testing.assert_array_equal(halves["left"][:, :, 16:], 0.0)
    np.testing.assert_array_equal(halves["right"][:, :, :16], 0.0)
    np.testing.assert_allclose(halves["left"] + halves["right"], whole, atol=1e-6)
    np.testing.assert_allclose(halves["both"], whole, atol=1e-6)
    assert halves["left"].any()
    assert halves["right"].any()
    assert state.physics.qpos.shape[0] == BATCH


MISTAKES: list[tuple[Any, str]] = [
    ({"nois": 0.1}, "no option of retina 'nois'. Did you mean 'noise'? Choices: delay, dropout, field, noise, rate, "),
    ({"noise": -0.1}, "retina.noise is -0.1; a standard deviation is wanted, 0 or more, for example 0.05."),
    ({"noise": float("nan")}, "retina.noise is nan; a standard deviation is wanted"),
    ({"noise": "much"}, "retina.noise: 'much' is a str, but a float is wanted, for example 0.0."),
    ({"delay": -1}, "retina.delay is -1; 0 to 100 whole decisions are wanted, for example 1."),
    ({"delay": 1.5}, "retina.delay: 1.5 is a float, but a int is wanted, for example 0."),
    ({"delay": 1000}, "retina.delay is 1000; 0 to 100 whole decisions are wanted, for example 1."),
    ({"dropout": 1.1}, "retina.dropout is 1.1; a probability is wanted, 0 to 1, for example 0.1."),
    (
        {"rate": 4},
        (
            "retina.rate is 4 Hz; decisions come at 10 Hz, and that divided by a whole number is wanted, "
            "for example 5 or 3.33."
        ),
    ),
    ({"rate": 20.0}, "retina.rate is 20 Hz; decisions come at 10 Hz, and that divided by a whole number is wanted"),
    ({"rate": 0}, "retina.rate is 0 Hz; decisions come at 10 Hz, and that divided by a whole number is wanted"),
    ({"rate": -5}, "retina.rate is -5 Hz; decisions come at 10 Hz"),
    ({"rate": float("inf")}, "retina.rate is inf Hz; decisions come at 10 Hz"),
    (3, "senses.retina: 3 is not a mapping of options, for example {noise: 0.05}."),
]


@pytest.mark.parametrize(("options", "text"), MISTAKES, ids=[str(options) for options, _ in MISTAKES])
def test_mistakes(options: Any, text: str) -> None:
    with pytest.raises(envs.EnvError, match=re.escape(text)):
        envs.make("forage", senses={"retina": options})


def test_whole_numbers_take_no_noise() -> None:
    with pytest.raises(envs.EnvError, match=r"\.noise: the reading is int32, which takes no noise; set it to 0\."):
        Imperfect(Clock(dtype=np.int32), noise=0.1).space(FIXED)
