"""What there is to be seen and touched: the vocabulary shared by tasks (which make it), senses and drawing.

All are NamedTuples of arrays for one environment; the batch axis B is put in front by `vmap`.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (1.0, 0.1, 0.1),
    "green": (0.1, 0.9, 0.1),
    "blue": (0.1, 0.2, 1.0),
    "yellow": (0.95, 0.9, 0.1),
    "cyan": (0.1, 0.9, 0.9),
    "magenta": (0.9, 0.1, 0.9),
}
"""The six colours of things, R, G, B in 0..1."""

SHAPES: dict[str, tuple[float, float]] = {"stone": (1.0, 0.0), "mushroom": (0.0, 1.0), "pillar": (1.0, 1.0)}
"""Which of the two elevation rows (low, high) sees a thing of this shape."""

BANDS = 4
"""Bands of sound, from low to high."""

LANDMARK_WALLS = ((0.8, 0.3, 0.2), (0.3, 0.7, 0.3), (0.25, 0.35, 0.85), (0.8, 0.75, 0.3))
PLAIN_GREY = 0.3


class PartCounts(NamedTuple):
    """How many parts of the pool a task uses; the others are neither simulated nor looked at."""

    things: int = 0
    panels: int = 0
    cups: int = 0
    others: int = 0  # conspecifics


class Things(NamedTuple):
    """Upright round things, n of them."""

    position: jax.Array  # [n, 2], m
    radius: jax.Array  # [n], m
    colour: jax.Array  # [n, 3], 0..1
    rows: jax.Array  # [n, 2], 1 where the low, the high row of the retina sees it (see SHAPES)


class Panels(NamedTuple):
    """Upright thin barriers, n of them."""

    position: jax.Array  # [n, 2], m
    heading: jax.Array  # [n], rad, direction of the panel's normal
    half_length: jax.Array  # [n], m
    colour: jax.Array  # [n, 3]
    alpha: jax.Array  # [n], 1 opaque; less lets light through with that much tint, never the body


class Walls(NamedTuple):
    """The looks of the four walls: east (+x), north (+y), west, south."""

    colour: jax.Array  # [4, 3]
    ramp: jax.Array  # [], loss of brightness from a wall's one end to the other, 0..1


class Sounds(NamedTuple):
    """What sounds, n sources without a body; the sound of a thing is a source at its place."""

    position: jax.Array  # [n, 2], m
    level: jax.Array  # [n, BANDS], beside the source, 0..1
    in_dark: jax.Array | bool = False  # [] bool, heard in the dark too; otherwise it is silent there, as in a delay


class Scene(NamedTuple):
    """Everything of one environment that is not the body."""

    things: Things
    panels: Panels
    cups: Things
    walls: Walls
    dark: jax.Array  # [] bool, nothing is seen, nor heard unless the sounds say so
    sounds: Sounds | None = None  # None where a task makes no sound
    sentence: jax.Array | None = None  # [] int32, which of the task's `sentences` holds; None where it has none
    others: Things | None = None  # conspecifics (`envs.conspecific`); None where the body is alone


class Start(NamedTuple):
    """Where a body is put."""

    position: jax.Array  # [2], m
    heading: jax.Array  # [], rad


class Pose(NamedTuple):
    """Where a body is and how it moves, in terms that every body shares."""

    position: jax.Array  # [2], m
    heading: jax.Array  # [], rad
    velocity: jax.Array  # [2], m/s: forward, and to the left
    yaw_rate: jax.Array  # [], rad/s


def walls(look: str) -> Walls:
    """`landmark` walls differ in colour and fade along their length; `plain` ones are all grey."""
    if look == "landmark":
        return Walls(jnp.array(LANDMARK_WALLS), jnp.float32(0.6))
    return Walls(jnp.full((4, 3), PLAIN_GREY), jnp.float32(0.0))


WALLS = ("landmark", "plain")
"""The looks that `walls` knows."""


def no_things() -> Things:
    return Things(jnp.zeros((0, 2)), jnp.zeros(0), jnp.zeros((0, 3)), jnp.zeros((0, 2)))


def no_panels() -> Panels:
    return Panels(jnp.zeros((0, 2)), jnp.zeros(0), jnp.zeros(0), jnp.zeros((0, 3)), jnp.zeros(0))


def scene(
    things: Things,
    look: str,
    dark: jax.Array | bool = False,
    sounds: Sounds | None = None,
    sentence: jax.Array | None = None,
) -> Scene:
    """A scene of things between walls, the common case."""
    return Scene(things, no_panels(), no_things(), walls(look), jnp.asarray(dark), sounds, sentence)
