"""Episodic stores of every kind: nothing is distorted, all is dated, and each kind reads as its paper says."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from agent.build import module_config
from agent.memory.store import Store
from agent.module import IMPLEMENTATIONS
from agent.ports import Port, Ports

KEY, VALUE = 6, 5
KINDS = ("episodic_memory", "hopfield", "dnd", "retrieval")


class Life:
    """A store whose queries are its keys, lived eagerly by one environment."""

    def __init__(self, kind: str, wired: tuple[str, ...] = (), **options: Any) -> None:
        problems: list[str] = []
        config = module_config({"kind": kind, "slots": 4, "features": KEY, "every": 1, **options}, "it", problems)
        assert config is not None, problems
        ports = Ports({"key": Port((KEY,)), "value": Port((VALUE,)), **{n: Port((1,)) for n in wired}})
        self.ports = config.ports(ports)
        self.store: Store = IMPLEMENTATIONS[type(config)](config, ports, nnx.Rngs(0))
        self.store.project.kernel[...] = jnp.eye(KEY)
        self.state = self.store.initial(1)
        self.random = np.random.default_rng(0)

    def live(self, axis: int | np.ndarray, first: bool = False, **signals: float) -> dict[str, np.ndarray]:
        """One decision with a key along that axis and a random value; what was recalled, and the value."""
        key = np.eye(KEY)[axis] if isinstance(axis, int) else axis
        inputs = {"key": jnp.asarray(key, jnp.float32)[None], **{n: jnp.array([[x]]) for n, x in signals.items()}}
        inputs["value"] = jnp.asarray(self.random.normal(size=(1, VALUE)), jnp.float32)
        self.query = self.store._query(inputs["key"])
        self.state = self.store.reset(self.state, jnp.array([first]))
        self.found = self.store._find(self.state, self.query)
        self.state, told = self.store(self.state, inputs, jax.random.split(jax.random.key(0), 1))
        assert {n: x.shape[1:] for n, x in told.items()} == {n: p.shape for n, p in self.ports.items()}
        return {"value": np.asarray(inputs["value"])[0], **{n: np.asarray(x)[0] for n, x in told.items()}}


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_written_is_read_back_to_the_bit_with_its_date(kind: str) -> None:
    life = Life(kind, ("place",), read=1, life=True, slots=9)
    lived = [life.live(axis, first=axis in (0, 2), place=float(axis)) for axis in range(4)]
    for axis, moment in enumerate(lived):
        told = life.live(axis, place=9.0)
        assert (told["recalled"].tolist(), told["episode"].tolist()) == ([axis % 2], [axis // 2])
        assert told["origin"].tolist() == [[float(axis)]]
        np.testing.assert_array_equal(life.found["values"][0, 0], moment["value"])
        if kind != "retrieval":  # which mixes what it reads
            np.testing.assert_array_equal(told["recall"], moment["value"])
            np.testing.assert_array_equal(told["weights"], [1.0])


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_store_recalls_nothing(kind: str) -> None:
    told = Life(kind, read=2).live(0)
    assert not told["recall"].any()
    assert not told["weights"].any()
    assert not told["match"].any()
    assert set(told["recalled"].tolist()) == {-1}


def test_a_reward_has_what_led_to_it_written() -> None:
    life = Life("episodic_memory", ("reward",), write="reward", before=1, threshold=-1.0)
    moments = [life.live(axis, reward=r) for axis, r in ((0, 0.0), (1, 0.0), (2, 1.0), (3, 0.0))]
    told = life.live(4, reward=-1.0)
    assert told["recalled"].tolist() == [1, -1, -1, -1]
    np.testing.assert_array_equal(told["recall"], moments[1]["value"])
    assert life.live(5, reward=0.0)["recalled"].tolist() == [1, 3, -1, -1]  # a loss counts too


def test_nothing_lies_before_an_episode() -> None:
    life = Life("episodic_memory", ("reward",), write="reward", before=2)
    life.live(0, reward=0.0)
    life.live(1, reward=1.0)
    assert set(life.live(2, reward=0.0)["recalled"].tolist()) == {-1}


@pytest.mark.parametrize("signal", ["surprise", "gate"])
def test_surprise_or_a_gate_has_the_moment_written(signal: str) -> None:
    life = Life("hopfield", (signal,), write=signal, level=0.5)
    for level in (0.4, 0.6, 0.5, 0.9):
        life.live(0, **{signal: level})
    assert life.live(0, **{signal: 0.0})["recalled"].tolist() == [1, 3, -1, -1]
    life.live(0, **{signal: -0.9})  # as surprising as 0.9, but a gate that is shut
    written = 5 if signal == "surprise" else -1
    assert life.live(0, **{signal: 0.0})["recalled"].tolist() == [1, 3, written, -1]


def test_the_least_recalled_gives_way() -> None:
    life = Life("episodic_memory", evict="least_recalled", slots=2)
    for axis in (0, 1, 0):  # at 2, moment 0 was recalled once in three decisions (4/6), moment 1 never in two (1/2)
        life.live(axis)
    assert life.live(0)["recalled"].tolist() == [0, 2]


def test_the_lowest_priority_gives_way() -> None:
    life = Life("dnd", ("priority",), evict="lowest_priority", slots=2, read=0)
    for axis, priority in enumerate((0.5, 0.2, 0.9, 0.1)):
        life.live(axis, priority=priority)
    assert sorted(life.live(5, priority=0.0)["recalled"].tolist()) == [2, 3]


def test_the_newest_or_the_rewarded_are_read() -> None:
    for select, expected in (("newest", [3, 2]), ("rewarded", [1, 0])):
        life = Life("episodic_memory", ("reward",), select=select, read=2, threshold=-1.0)
        for axis, reward in enumerate((0.5, 1.0, 0.0, 0.1)):
            life.live(axis, reward=reward)
        assert life.live(5, reward=0.0)["recalled"].tolist() == expected


def test_a_hopfield_network_reads_as_its_equation_says() -> None:
    life = Life("hopfield", sharpness=3.0, iterations=2)
    moments = [life.live(axis) for axis in (0, 1, 2)]
    told = life.live(np.array([0.6, 0.5, 0.1, 0.0, 0.0, 0.0]))
    keys, values = np.eye(KEY)[:3], np.stack([m["value"] for m in moments])

    def soft(x: np.ndarray) -> np.ndarray:
        return np.exp(3.0 * keys @ x) / np.exp(3.0 * keys @ x).sum()

    pattern = soft(np.asarray(life.query)[0]) @ keys
    np.testing.assert_allclose(told["recall"], soft(pattern) @ values, rtol=1e-5)


def test_a_dictionary_reads_and_updates_as_its_equations_say() -> None:
    life = Life("dnd", read=2, alpha=0.25, delta=0.01)
    first, second = life.live(0), life.live(1)
    again = life.live(0)  # moves the value of moment 0, and dates it anew
    told = life.live(np.array([0.8, 0.6, 0.0, 0.0, 0.0, 0.0]))
    assert sorted(told["recalled"].tolist()) == [1, 2]
    moved = first["value"] + 0.25 * (again["value"] - first["value"])
    kernel = 1.0 / (np.array([0.2**2 + 0.6**2, 0.8**2 + 0.4**2]) + 0.01)
    expected = (kernel[0] * moved + kernel[1] * second["value"]) / kernel.sum()
    np.testing.assert_allclose(told["recall"], expected, rtol=1e-4)


def test_retrieval_brings_what_followed_within_the_episode() -> None:
    life = Life("retrieval", read=1, follow=2, slots=6, life=True)
    values = [life.live(axis, first=axis == 3)["value"] for axis in range(5)]
    life.live(1)
    assert life.found["followed"][0, 0].tolist() == [True, False]  # 2 followed; 3 was another episode
    np.testing.assert_array_equal(life.found["next"][0, 0, 0], values[2])
    life.live(3)
    assert life.found["followed"][0, 0].tolist() == [True, True]
    np.testing.assert_array_equal(life.found["next"][0, 0, 0], values[4])


def test_retrieval_asks_first_what_is_more_alike() -> None:
    """Where nothing is asked of the values, a likeness of 1 beside one of 0 counts e^2 times as much at sharpness 2."""
    life = Life("retrieval", read=2, follow=0, sharpness=2.0)
    ask = life.store.ask
    ask.kernel[...], ask.bias[...] = jnp.zeros_like(ask.kernel[...]), jnp.zeros_like(ask.bias[...])
    life.live(0, first=True)
    life.live(1)
    told = life.live(1)
    assert told["recalled"].tolist() == [1, 0]
    np.testing.assert_allclose(told["weights"], np.array([np.e**2, 1.0]) / (np.e**2 + 1.0), rtol=1e-5)


def test_a_store_for_life_outlives_the_episode_and_another_does_not() -> None:
    for lasting in (True, False):
        life = Life("episodic_memory", life=lasting)
        life.live(0, first=True)
        told = life.live(0, first=True)
        assert (told["recalled"][0], told["episode"][0]) == ((0, 0) if lasting else (-1, -1))


def test_what_is_not_wired_is_said() -> None:
    with pytest.raises(ValueError, match=r"write=reward needs its input 'reward', and no wire leads there\. Wire it\."):
        Life("episodic_memory", write="reward")
    with pytest.raises(ValueError, match="evict=lowest_priority needs its input 'priority'"):
        Life("hopfield", evict="lowest_priority")
