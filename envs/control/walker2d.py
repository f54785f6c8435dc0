"""Task `walker2d`: walk forwards on two legs (Gymnasium's Walker2d-v5, after Erez, Tassa & Todorov 2012)."""

from __future__ import annotations

from dataclasses import dataclass

from envs.control.hopper import Hopper


@dataclass(frozen=True)
class Walker2d(Hopper):
    """As `hopper`, with two legs and more freedom to lean."""

    lowest: float = 0.8  # m, of the torso
    highest: float = 2.0  # m
    tilt: float = 1.0  # rad, of the torso
    extreme: float = 1e9  # bounds nothing

    xml = "walker2d_v5.xml"
