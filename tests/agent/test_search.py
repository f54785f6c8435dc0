"""Exact search: the same as sorting everything."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from agent.memory.search import BLOCK, CHUNK, largest, nearest


@pytest.mark.parametrize("size", [5, 2 * BLOCK * 3, 1000, 2048])
def test_the_largest_are_those_of_a_sort_equal_ones_in_order(size: int) -> None:
    scores = np.random.default_rng(size).integers(0, 50, (7, size)).astype(np.float32)  # many are equal
    found, at = largest(jnp.asarray(scores), 3)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :3]
    np.testing.assert_array_equal(at, expected)
    np.testing.assert_array_equal(found, np.take_along_axis(scores, expected, 1))


def test_what_is_nowhere_is_still_a_slot() -> None:
    found, at = largest(jnp.full((2, 500), -jnp.inf).at[0, 400].set(1.0), 2)
    assert found[0].tolist() == [1.0, -np.inf]
    assert int(at[0, 0]) == 400
    assert (np.asarray(at) < 500).all()


@pytest.mark.parametrize("queries", [1, 20])
@pytest.mark.parametrize("size", [600, 3 * CHUNK, 3 * CHUNK + 77])
def test_the_nearest_are_those_of_a_sort(queries: int, size: int) -> None:
    random = np.random.default_rng(0)
    asked, keys = (random.standard_normal((n, 16), dtype=np.float32) for n in (queries, size))
    found, at = jax.jit(nearest, static_argnums=2)(asked, keys, 5)
    products = asked.astype(np.float64) @ keys.astype(np.float64).T
    expected = np.argsort(-products, axis=1)[:, :5]
    np.testing.assert_array_equal(at, expected)
    np.testing.assert_allclose(found, np.take_along_axis(products, expected, 1), rtol=1e-5)
