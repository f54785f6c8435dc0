"""Task `inverted_double_pendulum`: balance two poles on a cart (Gymnasium's InvertedDoublePendulum-v5)."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from envs.physics import Fresh, Physics
from envs.plant import uniform_start


@dataclass(frozen=True)
class InvertedDoublePendulum:
    """Reward: balance, less the distance of the tip from the top and its swinging; it ends when the tip falls."""

    healthy: float = 10.0  # reward for balance, a decision
    lowest: float = 1.0  # m, of the tip
    noise: float = 0.1  # of the start
    horizon: int = 1000  # decisions

    xml = "inverted_double_pendulum.xml"
    substeps = 5
    fields = ("site_xpos", "qfrc_constraint")
    terms = ("healthy", "distance", "swing")
    metric = "return"

    def start(self, key: jax.Array, rest: Fresh) -> Fresh:
        return uniform_start(key, rest, self.noise, normal=True)

    def observe(self, physics: Physics) -> jax.Array:
        angles, force = physics.qpos[1:], physics.reads["qfrc_constraint"][:1]
        limited = [jnp.clip(x, -10.0, 10.0) for x in (physics.qvel, force)]
        return jnp.concatenate([physics.qpos[:1], jnp.sin(angles), jnp.cos(angles), *limited])

    def outcome(
        self, before: Physics, after: Physics, action: jax.Array, seconds: float
    ) -> tuple[dict[str, jax.Array], jax.Array]:
        x, _, height = after.reads["site_xpos"][0]
        fallen = height <= self.lowest
        terms = {
            "healthy": self.healthy * ~fallen,
            "distance": -(0.01 * x**2 + (height - 2.0) ** 2),
            "swing": -(1e-3 * after.qvel[1] ** 2 + 5e-3 * after.qvel[2] ** 2),
        }
        return terms, fallen
