"""Sense `interoception`: how much energy is left, and pain."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from envs.moment import Fixed, Moment


@dataclass(frozen=True)
class Interoception:
    """`[2]`: energy, 1 when full, empty after `lasts` seconds without food; pain, 1 when hurt and fading."""

    lasts: float = 60.0  # s
    meal: float = 0.1  # energy per unit of positive reward
    fade: float = 0.5  # time constant of pain, s

    key = "intero"

    def space(self, fixed: Fixed) -> gymnasium.spaces.Box:
        del fixed
        return gymnasium.spaces.Box(0.0, 1.0, (2,), np.float32)

    def initial(self, fixed: Fixed) -> jax.Array:
        del fixed
        return jnp.array([1.0, 0.0])

    def __call__(self, fixed: Fixed, state: jax.Array, moment: Moment) -> tuple[jax.Array, jax.Array]:
        terms = jnp.stack([*moment.terms.values(), jnp.float32(0.0)])
        eaten, hurt = jnp.maximum(terms, 0.0).sum(), jnp.maximum(-terms, 0.0).sum()
        spent = jnp.where(moment.first, 0.0, fixed.seconds / self.lasts)
        energy = jnp.clip(state[0] - spent + self.meal * eaten, 0.0, 1.0)
        pain = jnp.clip(jnp.maximum(state[1] * float(np.exp(-fixed.seconds / self.fade)), hurt), 0.0, 1.0)
        felt = jnp.stack([energy, pain])
        return felt, felt
