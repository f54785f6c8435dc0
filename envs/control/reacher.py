"""Task `reacher`: bring the tip of a two-jointed arm to a target (Gymnasium's Reacher-v5)."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from envs.physics import Fresh, Physics

_FINGERTIP, _TARGET = 3, 4


@dataclass(frozen=True)
class Reacher:
    """Reward: nearness of the tip to the target, less the effort; no early end."""

    near: float = 1.0  # weight of the distance, per m
    effort: float = 1.0  # weight of the squared action
    horizon: int = 50  # decisions

    xml = "reacher.xml"
    substeps = 2
    fields = ("xpos",)
    terms = ("near", "effort")
    metric = "return"

    def start(self, key: jax.Array, rest: Fresh) -> Fresh:
        """The target lies in a disc of 0.2 m: uniform over it, as rejection from a square is."""
        pose, speed, far, turn = jax.random.split(key, 4)
        qpos = rest.qpos + jax.random.uniform(pose, rest.qpos.shape, minval=-0.1, maxval=0.1)
        angle = jax.random.uniform(turn, (), maxval=2 * jnp.pi)
        target = 0.2 * jnp.sqrt(jax.random.uniform(far)) * jnp.stack([jnp.cos(angle), jnp.sin(angle)])
        qvel = rest.qvel + jax.random.uniform(speed, rest.qvel.shape, minval=-0.005, maxval=0.005)
        return Fresh(qpos.at[-2:].set(target), qvel.at[-2:].set(0.0))

    def observe(self, physics: Physics) -> jax.Array:
        joints = physics.qpos[:2]
        return jnp.concatenate(
            [jnp.cos(joints), jnp.sin(joints), physics.qpos[2:], physics.qvel[:2], self._gap(physics)[:2]]
        )

    def _gap(self, physics: Physics) -> jax.Array:
        return physics.reads["xpos"][_FINGERTIP] - physics.reads["xpos"][_TARGET]

    def outcome(
        self, before: Physics, after: Physics, action: jax.Array, seconds: float
    ) -> tuple[dict[str, jax.Array], jax.Array]:
        distance = jnp.sqrt(jnp.square(self._gap(after)).sum())
        terms = {"near": -self.near * distance, "effort": -self.effort * jnp.square(action).sum()}
        return terms, jnp.bool_(False)
