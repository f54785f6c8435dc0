"""Task `ant`: walk forwards on four legs (Gymnasium's Ant-v5, after Schulman et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from envs.physics import Fresh, Physics
from envs.plant import uniform_start

_TORSO = 1


@dataclass(frozen=True)
class Ant:
    """Reward: forward speed and standing, less the effort and the force of impacts; it ends when the body falls.

    The observation has 105 numbers: 13 positions, 14 velocities and 78 contact forces, clipped to -1..1.
    """

    forward: float = 1.0  # weight of the speed, per m/s
    effort: float = 0.5  # weight of the squared action
    impact: float = 5e-4  # weight of the squared contact forces
    healthy: float = 1.0  # reward for standing, a decision
    lowest: float = 0.2  # m, of the torso
    highest: float = 1.0  # m
    noise: float = 0.1  # of the start
    horizon: int = 1000  # decisions

    xml = "ant.xml"
    substeps = 5
    fields = ("xpos", "cfrc_ext")
    terms = ("forward", "healthy", "effort", "impact")
    metric = "return"

    def start(self, key: jax.Array, rest: Fresh) -> Fresh:
        return uniform_start(key, rest, self.noise, normal=True)

    def observe(self, physics: Physics) -> jax.Array:
        return jnp.concatenate([physics.qpos[2:], physics.qvel, self._forces(physics)[1:].ravel()])

    def _forces(self, physics: Physics) -> jax.Array:
        return jnp.clip(physics.reads["cfrc_ext"], -1.0, 1.0)

    def outcome(
        self, before: Physics, after: Physics, action: jax.Array, seconds: float
    ) -> tuple[dict[str, jax.Array], jax.Array]:
        height = after.qpos[2]
        stands = (self.lowest <= height) & (height <= self.highest)
        moved = after.reads["xpos"][_TORSO, 0] - before.reads["xpos"][_TORSO, 0]
        terms = {
            "forward": self.forward * moved / seconds,
            "healthy": self.healthy * stands,
            "effort": -self.effort * jnp.square(action).sum(),
            "impact": -self.impact * jnp.square(self._forces(after)).sum(),
        }
        return terms, ~stands
