"""The alignment loss by hand, and what the map of a match is."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from agent.perception.grounding import alignment, attend, neighbours, outcome


def test_alignment_by_hand() -> None:
    """Two views of two patches, sentences along the axes: -log(e^own / (e^own + e^other)) at the best patch."""
    seen = 2 * jnp.array([[[1.0, 0.0], [0.0, 1.0]], [[0.6, 0.8], [0.8, -0.6]]])[:, :, None]
    meant = jnp.array([[1.0, 0.0], [0.0, 1.0]])
    best = 2 * np.array([[1.0, 1.0], [0.8, 0.8]])  # [view, sentence]
    wanted = [-np.log(np.exp(row[n]) / np.exp(row).sum()) for n, row in enumerate(best)]
    np.testing.assert_allclose(alignment(seen, meant[:, None], meant), wanted, rtol=1e-5)


def test_alignment_is_a_mean_over_queries() -> None:
    """Views of one patch; what the second query finds there, all sentences find."""
    seen = 2 * jnp.array([[[[1.0, 0.0], [1.0, 0.0]]], [[[0.0, 1.0], [1.0, 0.0]]]])
    meant = jnp.array([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]])
    wanted = -np.log(np.exp(2.0) / (np.exp(2.0) + np.exp(1.0)))  # 2 (1 + 1) / 2 and 2 (0 + 1) / 2
    np.testing.assert_allclose(alignment(seen, meant, meant[:, 0]), wanted, rtol=1e-5)


def test_the_same_sentence_is_no_rival() -> None:
    seen = jax.random.normal(jax.random.key(0), (3, 4, 1, 2))
    said = jnp.array([[1.0, 0.0]] * 3)
    loss = lambda x: alignment(x, said[:, None], said)  # noqa: E731
    np.testing.assert_allclose(loss(seen), 0.0, atol=1e-6)
    assert np.isfinite(jax.grad(lambda x: loss(x).sum())(seen)).all()


def test_large_batches_are_thinned_out_without_a_change_of_the_mean() -> None:
    seen = jax.random.normal(jax.random.key(0), (1024, 4, 1, 8))
    meant = seen[:, 0]
    loss = alignment(seen, meant, meant[:, 0])
    compared = np.flatnonzero(loss > 0)
    assert set(compared) <= set(range(0, 1024, 7))
    assert {n % 16 for n in compared} == set(range(16))  # of 16 environments, all
    thin = alignment(seen[::7], meant[::7], meant[::7, 0])
    np.testing.assert_allclose(loss.mean(), thin.mean(), rtol=1e-5)


def test_attention_is_drawn_to_a_side_or_nowhere() -> None:
    attention, where = attend(jnp.array([[20.0, -20.0, -20.0, -20.0], [-20.0] * 4]))
    np.testing.assert_allclose(attention, [[1, 0, 0, 0], [0, 0, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(where[0], [0.75, np.cos(0.75 * np.pi / 2), 0.0, 2.0], atol=1e-4)
    np.testing.assert_allclose(where[1, :3], [0.0, 0.0, 1.0], atol=1e-6)


def test_an_outcome_is_told_at_the_nearest_patch() -> None:
    """-log σ(2) where the touched was right, -log(1 - σ(2)) where wrong; nothing without a touch or a reward."""
    match = jnp.array([[-1.0, 2.0, 0.5]] * 4)
    near = jnp.array([[0.3, 0.95, 0.5], [0.3, 0.95, 0.5], [0.3, 0.8, 0.5], [0.3, 0.95, 0.5]])
    loss = outcome(match, near, jnp.array([1.0, -0.2, 1.0, 0.0]))
    np.testing.assert_allclose(loss, [np.log1p(np.exp(-2.0)), np.log1p(np.exp(2.0)), 0, 0], rtol=1e-5)


def test_neighbours_of_a_row() -> None:
    x = jnp.arange(1.0, 5.0).reshape(1, 4, 1)
    np.testing.assert_array_equal(neighbours(x, 3)[0], [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 0]])
