"""Sense `reward`: the reward of the decision just made."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from envs.moment import Fixed, Moment

_MOST = 1000.0  # no reading is more


@dataclass(frozen=True)
class Reward:
    """`[1]`: the sum of the reward terms; with `action` it lets a brain learn within an episode (Wang et al. 2018)."""

    key = "reward"

    def space(self, fixed: Fixed) -> gymnasium.spaces.Box:
        del fixed
        return gymnasium.spaces.Box(-_MOST, _MOST, (1,), np.float32)

    def initial(self, fixed: Fixed) -> tuple[()]:
        del fixed
        return ()

    def __call__(self, fixed: Fixed, state: tuple[()], moment: Moment) -> tuple[tuple[()], jax.Array]:
        del fixed
        return state, jnp.clip(moment.reward, -_MOST, _MOST)[None]
