"""Sense `action`: the action of the decision just made."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium
import jax
import numpy as np

from envs.moment import Fixed, Moment


@dataclass(frozen=True)
class Action:
    """`[A]`: what the body was told, mouth last; 0 at the start of an episode."""

    key = "action"

    def space(self, fixed: Fixed) -> gymnasium.spaces.Box:
        return gymnasium.spaces.Box(-1.0, 1.0, (fixed.actions,), np.float32)

    def initial(self, fixed: Fixed) -> tuple[()]:
        del fixed
        return ()

    def __call__(self, fixed: Fixed, state: tuple[()], moment: Moment) -> tuple[tuple[()], jax.Array]:
        del fixed
        return state, moment.action
