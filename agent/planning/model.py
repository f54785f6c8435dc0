"""What a planner may ask of a world model, and futures imagined with it."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp


class Imagined(NamedTuple):
    """One step ahead."""

    latent: jax.Array  # [N, D]
    reward: jax.Array  # [N]


class Model(Protocol):
    """What comes over a wire of meaning `model`: a module with its weights, which these methods read."""

    actions: int  # numbers in an action, A

    def imagine(self, latent: jax.Array, action: jax.Array) -> Imagined:
        """One decision ahead: `[N, D]`, `[N, A]` -> latent `[N, D]`, reward `[N]`."""
        ...

    def value(self, latent: jax.Array) -> jax.Array:
        """Discounted reward to come, `[N]`."""
        ...

    def motion(self, latent: jax.Array) -> jax.Array:
        """Speed forward and to the left (m/s) and yaw rate (rad/s), `[N, 3]`."""
        ...


def returns(model: Model, latent: jax.Array, plans: jax.Array, discount: float) -> jax.Array:
    """Σ_h γ^h r_h + γ^H V(z_H) of every plan: latent `[N, D]`, plans `[N, S, H, A]` -> `[N, S]`."""
    rows, samples, horizon, _ = plans.shape
    start = jnp.broadcast_to(latent[:, None], (rows, samples, latent.shape[1])).reshape(rows * samples, -1)
    actions = plans.reshape(rows * samples, horizon, -1).swapaxes(0, 1)

    def ahead(carry: Any, action: jax.Array) -> tuple[Any, None]:
        latent, total, weight = carry
        latent, reward = model.imagine(latent, action)
        return (latent, total + weight * reward, weight * discount), None

    begin = (start, jnp.zeros(rows * samples), jnp.ones(()))
    (end, total, weight), _ = jax.lax.scan(ahead, begin, actions)
    return (total + weight * model.value(end)).reshape(rows, samples)


def path(model: Model, latent: jax.Array, plan: jax.Array) -> jax.Array:
    """The motion that a plan leads to, step by step: `[N, D]`, `[N, H, A]` -> `[N, H, 3]`."""

    def ahead(latent: jax.Array, action: jax.Array) -> tuple[jax.Array, jax.Array]:
        latent, _ = model.imagine(latent, action)
        return latent, model.motion(latent)

    return jax.lax.scan(ahead, latent, plan.swapaxes(0, 1))[1].swapaxes(0, 1)
