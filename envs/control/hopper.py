"""Task `hopper`: hop forwards on one leg (Gymnasium's Hopper-v5, after Erez, Tassa & Todorov 2012)."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from envs.physics import Fresh, Physics
from envs.plant import uniform_start


@dataclass(frozen=True)
class Hopper:
    """Reward: forward speed and standing, less the effort; it ends when the body falls."""

    forward: float = 1.0  # weight of the speed, per m/s
    effort: float = 1e-3  # weight of the squared action
    healthy: float = 1.0  # reward for standing, a decision
    lowest: float = 0.7  # m, of the torso
    highest: float = 1e9  # m
    tilt: float = 0.2  # rad, of the torso
    extreme: float = 100.0  # of every other coordinate and speed
    noise: float = 5e-3  # of the start
    horizon: int = 1000  # decisions

    xml = "hopper.xml"
    substeps = 4
    fields = ()
    terms = ("forward", "healthy", "effort")
    metric = "return"

    def start(self, key: jax.Array, rest: Fresh) -> Fresh:
        return uniform_start(key, rest, self.noise, normal=False)

    def observe(self, physics: Physics) -> jax.Array:
        return jnp.concatenate([physics.qpos[1:], jnp.clip(physics.qvel, -10.0, 10.0)])

    def stands(self, physics: Physics) -> jax.Array:
        height, tilt = physics.qpos[1], physics.qpos[2]
        others = jnp.concatenate([physics.qpos[2:], physics.qvel])
        upright = (self.lowest < height) & (height < self.highest) & (jnp.abs(tilt) < self.tilt)
        return upright & jnp.all(jnp.abs(others) < self.extreme)

    def outcome(
        self, before: Physics, after: Physics, action: jax.Array, seconds: float
    ) -> tuple[dict[str, jax.Array], jax.Array]:
        stands = self.stands(after)
        terms = {
            "forward": self.forward * (after.qpos[0] - before.qpos[0]) / seconds,
            "healthy": self.healthy * stands,
            "effort": -self.effort * jnp.square(action).sum(),
        }
        return terms, ~stands
