"""Task `half_cheetah`: run forwards (Gymnasium's HalfCheetah-v5, after Wawrzyński 2009)."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from envs.physics import Fresh, Physics
from envs.plant import uniform_start


@dataclass(frozen=True)
class HalfCheetah:
    """Reward: forward speed less the effort; no early end."""

    forward: float = 1.0  # weight of the speed, per m/s
    effort: float = 0.1  # weight of the squared action
    noise: float = 0.1  # of the start
    horizon: int = 1000  # decisions

    xml = "half_cheetah.xml"
    substeps = 5
    fields = ()
    terms = ("forward", "effort")
    metric = "return"

    def start(self, key: jax.Array, rest: Fresh) -> Fresh:
        return uniform_start(key, rest, self.noise, normal=True)

    def observe(self, physics: Physics) -> jax.Array:
        return jnp.concatenate([physics.qpos[1:], physics.qvel])

    def outcome(
        self, before: Physics, after: Physics, action: jax.Array, seconds: float
    ) -> tuple[dict[str, jax.Array], jax.Array]:
        speed = (after.qpos[0] - before.qpos[0]) / seconds
        terms = {"forward": self.forward * speed, "effort": -self.effort * jnp.square(action).sum()}
        return terms, jnp.bool_(False)
