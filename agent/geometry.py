"""Where things are: views, turns and maps."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np


def ray_angles(rays: int, field: float) -> np.ndarray:
    """Directions of rays over a field of view (degrees), rad, to the left of what is ahead; the leftmost first."""
    return (((rays - 1) / 2 - np.arange(rays)) * np.deg2rad(field) / rays).astype(np.float32)


def rotated_all(points: jax.Array, side: jax.Array) -> jax.Array:
    """Points `[B, N, 2]` turned to the left by an angle of cosine and sine `[B, 2]`."""
    cos, sin = side[:, :1], side[:, 1:]
    return jnp.stack(
        [cos * points[..., 0] - sin * points[..., 1], sin * points[..., 0] + cos * points[..., 1]], axis=-1
    )


def rotated(vector: jax.Array, angle: jax.Array) -> jax.Array:
    """`[B, 2]` turned to the left by `[B]` rad."""
    return rotated_all(vector[:, None], jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1))[:, 0]


def place_of(points: jax.Array, cell: float, shape: tuple[int, ...]) -> jax.Array:
    """In which cell of a map of that shape points `[..., 2]` lie, int32; beyond it below 0 or above the last."""
    return jnp.floor(points / cell + spread(np.array(shape) / 2, points.ndim)).astype(jnp.int32)


def spread(x: np.ndarray, axes: int) -> np.ndarray:
    """`[D]` as `[1, ..., D]` with so many axes."""
    return x.reshape(*[1] * (axes - 1), -1)
