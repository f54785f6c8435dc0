"""The alignment loss by hand, and what the map of a match is."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from agent.perception.grounding import alignment, neighbours


def test_alignment_by_hand() -> None:
    """Two views of two patches, sentences along the axes: -log(e^own / (e^own + e^other)) at the best patch."""
    seen = jnp.array([[[1.0, 0.0], [0.0, 1.0]], [[0.6, 0.8], [0.8, -0.6]]])
    meant = jnp.array([[1.0, 0.0], [0.0, 1.0]])
    best = np.array([[1.0, 1.0], [0.8, 0.8]]) / 0.5  # [view, sentence]
    wanted = [-np.log(np.exp(row[n]) / np.exp(row).sum()) for n, row in enumerate(best)]
    np.testing.assert_allclose(alignment(seen, meant, 0.5), wanted, rtol=1e-5)


def test_the_same_sentence_is_no_rival() -> None:
    seen = jax.random.normal(jax.random.key(0), (3, 4, 2))
    meant = jnp.array([[1.0, 0.0]] * 3)
    np.testing.assert_allclose(alignment(seen, meant, 0.1), 0.0, atol=1e-6)
    gradient = jax.grad(lambda x: alignment(x, meant, 0.1).sum())(seen)
    assert np.isfinite(gradient).all()


def test_large_batches_are_thinned_out_without_a_change_of_the_mean() -> None:
    seen = jax.random.normal(jax.random.key(0), (1024, 4, 8))
    seen = seen / jnp.linalg.norm(seen, axis=-1, keepdims=True)
    meant = seen[:, 0]
    loss = alignment(seen, meant, 0.1)
    assert int((loss != 0).sum()) == 256
    np.testing.assert_allclose(loss.mean(), alignment(seen[::4], meant[::4], 0.1).mean(), rtol=1e-5)


def test_neighbours_of_a_row() -> None:
    x = jnp.arange(1.0, 5.0).reshape(1, 4, 1)
    np.testing.assert_array_equal(neighbours(x, 3)[0], [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 0]])
