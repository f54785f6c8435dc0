"""Episodic memory: exact, by likeness, oldest lost first; and the same as a plain NumPy one."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.agent.parts import Bench, Life, around, life

PORTS = ("recall", "match", "weights", "recalled")


@cache
def memory(**options: Any) -> Bench:
    """A memory whose keys are the first six numbers it senses, as they are."""
    made = Bench(around({"kind": "episodic_memory", "features": 6, "every": 1, "slots": 4, **options}))
    kernel = made.params["it"]["project"]["kernel"]
    made.params["it"]["project"] = {"kernel": jnp.eye(*kernel.shape), "bias": jnp.zeros(kernel.shape[1])}
    return made


def remember(bench: Bench, lived: Life) -> dict[str, np.ndarray]:
    _, trace = bench.loop(lived, bench.circuit.initial(lived.first.shape[1]))
    return {port: np.asarray(trace[f"it.{port}"]) for port in PORTS}


def one_life(bench: Bench, keys: list[int], first: tuple[int, ...] = (0,)) -> Life:
    """Moments whose keys point along the given axes; values are random."""
    lived = life(bench.circuit, times=len(keys), batch=1)
    axes = jnp.eye(6)[jnp.asarray(keys)][:, None]
    begins = jnp.zeros_like(lived.first).at[jnp.asarray(first), 0].set(True)
    return lived._replace(observation=lived.observation | {"key": axes}, first=begins)


def values(lived: Life) -> np.ndarray:
    return np.concatenate([lived.observation["value"], lived.observation["value_too"]], axis=-1)[:, 0]


def test_what_was_written_is_read_back_to_the_bit() -> None:
    bench = memory()
    lived = one_life(bench, [0, 1, 2, 1, 0, 2])
    found = remember(bench, lived)
    for moment, origin in ((3, 1), (4, 0), (5, 2)):
        np.testing.assert_array_equal(found["recall"][moment, 0], values(lived)[origin])
        assert found["match"][moment, 0, 0] == pytest.approx(1.0, abs=1e-5)


def test_an_empty_store_recalls_exactly_nothing_and_no_moment_recalls_itself() -> None:
    bench = memory()
    found = remember(bench, one_life(bench, [0, 1, 2, 3]))
    assert not found["recall"].any()
    assert not found["weights"].any()
    assert not found["match"].any()


def test_moments_below_the_threshold_are_not_recalled() -> None:
    bench = memory(threshold=0.8)
    lived = one_life(bench, [0, 0, 0])
    keys = lived.observation["key"].at[1, 0, 1].set(1.0).at[2, 0, 1].set(0.5)  # cosines with the first: 0.707, 0.894
    found = remember(bench, lived._replace(observation=lived.observation | {"key": keys}))
    assert not found["recall"][1].any()
    assert found["match"][1, 0, 0] == pytest.approx(2**-0.5, abs=1e-5)
    assert found["weights"][2, 0, 0] > 0


def test_the_oldest_is_lost_first_and_every_slot_knows_its_time() -> None:
    bench = memory(slots=2)
    lived = one_life(bench, [0, 1, 0, 2, 0, 1])
    found = remember(bench, lived)
    assert found["recalled"][:, 0].tolist() == [[-1, -1], [0, -1], [0, 1], [2, 1], [2, 3], [4, 3]]
    np.testing.assert_array_equal(found["recall"][4, 0], values(lived)[2])  # the newer of two moments with that key
    assert not found["recall"][5].any()  # moment 1 has been written over


def test_writes_only_every_so_often() -> None:
    bench = memory(every=3)
    found = remember(bench, one_life(bench, [0, 1, 2, 3, 4, 5, 0]))
    assert found["recalled"][-1, 0].tolist() == [0, 3, -1, -1]


def test_a_new_episode_forgets() -> None:
    bench = memory()
    found = remember(bench, one_life(bench, [0, 0, 0, 0], first=(0, 2)))
    assert found["recall"].any(axis=(1, 2)).tolist() == [False, True, False, True]
    assert found["recalled"][:, 0, 0].tolist() == [-1, 0, -1, 0]


def test_writers_get_no_gradient_but_the_query_does() -> None:
    bench = memory(threshold=-1.0)
    lived = life(bench.circuit, times=3, batch=2)

    def recalled(observation: dict[str, jax.Array]) -> jax.Array:
        _, trace = bench.unroll(bench.params, bench.circuit.initial(2), observation, *lived[1:])
        return jnp.square(trace["it.recall"][2]).sum()

    gradient = jax.grad(recalled)(lived.observation)
    assert not gradient["value"].any()
    assert not gradient["key"][:2].any()
    assert jnp.isfinite(gradient["key"]).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_agrees_with_a_plain_store(seed: int) -> None:
    bench = Bench(around({"kind": "episodic_memory", "slots": 5, "every": 2, "features": 3, "threshold": 0.2}))
    lived = life(bench.circuit, times=30, batch=2, seed=seed)
    found = remember(bench, lived)
    for b in range(2):
        expected = plain_store(
            bench.params["it"]["project"], jax.tree.map(lambda x, b=b: np.asarray(x)[:, b], lived[:2])
        )
        for port in PORTS:
            np.testing.assert_allclose(found[port][:, b], expected[port], rtol=1e-4, atol=1e-5, err_msg=port)


def plain_store(project: dict[str, jax.Array], lived: Any, slots: int = 5, every: int = 2) -> dict[str, np.ndarray]:
    """The same memory as a list of moments, one environment, one decision at a time."""
    observation, begins = lived
    result: dict[str, list] = {port: [] for port in PORTS}
    store: dict[int, tuple[np.ndarray, np.ndarray, int]] = {}
    now = writes = 0
    for t, begin in enumerate(begins):
        if begin:
            store, now, writes = {}, 0, 0
        sensed = {n: np.concatenate([observation[n][t], observation[f"{n}_too"][t]]) for n in ("key", "value")}
        query = sensed["key"] @ np.asarray(project["kernel"]) + np.asarray(project["bias"])
        query = query / np.linalg.norm(query)
        cosines = {slot: float(query @ key) for slot, (key, _, _) in store.items()}
        excited = {slot: np.exp(10.0 * c) for slot, c in cosines.items() if c > 0.2}
        weights = np.asarray([excited.get(slot, 0.0) for slot in range(slots)]) / (sum(excited.values()) or 1.0)
        result["recall"].append(sum((weights[s] * store[s][1] for s in store), 0.0 * sensed["value"]))
        result["match"].append([max([0.0, *cosines.values()])])
        result["weights"].append(weights)
        result["recalled"].append([store[s][2] if s in store else -1 for s in range(slots)])
        if now % every == 0:
            store[writes % slots] = (query, sensed["value"], now)
            writes += 1
        now += 1
    return {port: np.asarray(x) for port, x in result.items()}
