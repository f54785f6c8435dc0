"""Gymnasium's spaces as ports: what a brain can take and give is arrays of float32.

Observations: a `Box` stays as it is (bytes, images mostly, become 0..1); `Discrete` and `MultiDiscrete` become one-hot;
`Dict` and `Tuple`, nested ones too, become a port for each of their parts.
Actions, all within -1..1: a `Box` with bounds is rescaled; of `Discrete` and `MultiDiscrete` every choice has a number,
and the largest is chosen; of `MultiBinary` every switch has one, and is on above 0.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from gymnasium import spaces

from envs.registry import EnvError

OBSERVATION = "observation"


def ports(space: spaces.Space[Any], place: str, name: str = "") -> dict[str, spaces.Box]:
    """The ports of an observation space by name; EnvError, naming `place` and the space, where it cannot be."""
    if isinstance(space, spaces.Dict | spaces.Tuple):
        parts = [(part, ports(inner, place, _joined(name, key))) for key, inner, part in _parts(space)]
        found: dict[str, spaces.Box] = {}
        for part, inner in parts:
            if both := sorted(found.keys() & inner.keys()):
                raise EnvError(f"{place}: part {part!r} has the port {both[0]!r}, as another part has. Rename one.")
            found |= inner
        return found
    return {name or OBSERVATION: _port(space, place)}


def _port(space: spaces.Space[Any], place: str) -> spaces.Box:
    if isinstance(space, spaces.Box):
        shape, byte = space.shape or (1,), space.dtype == np.uint8
        with np.errstate(over="ignore"):  # the largest float64 becomes infinite
            low, high = (
                np.reshape(x / (255.0 if byte else 1.0), shape).astype(np.float32) for x in (space.low, space.high)
            )
        return spaces.Box(low, high, shape, np.float32)
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        return spaces.Box(0.0, 1.0, (sum(_choices(space)),), np.float32)
    if isinstance(space, spaces.MultiBinary):
        return spaces.Box(0.0, 1.0, space.shape, np.float32)
    raise EnvError(
        f"{place}: an observation of {space} cannot be a port, which has a fixed shape of numbers. Put a wrapper "
        "around the environment that observes a Box, Discrete, MultiDiscrete, MultiBinary, Dict or Tuple."
    )


def readings(space: spaces.Space[Any], observation: Any, name: str = "") -> dict[str, np.ndarray]:
    """One observation as the arrays of its ports, float32."""
    if isinstance(space, spaces.Dict | spaces.Tuple):
        found: dict[str, np.ndarray] = {}
        for key, inner, part in _parts(space):
            found |= readings(inner, observation[part], _joined(name, key))
        return found
    value = np.asarray(observation)
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        value = _one_hot(_choices(space), np.atleast_1d(value - space.start).ravel())
    elif isinstance(space, spaces.Box):
        value = np.atleast_1d(value) / (255.0 if space.dtype == np.uint8 else 1.0)
    return {name or OBSERVATION: value.astype(np.float32)}


def size(space: spaces.Space[Any], place: str) -> int:
    """How many numbers an action has; EnvError where an action of this space cannot be given."""
    if isinstance(space, spaces.Box):
        if not np.isfinite([space.low, space.high]).all():
            raise EnvError(
                f"{place}: actions of {space} have no bounds to be rescaled to. Put gymnasium's ClipAction or "
                "RescaleAction around the environment."
            )
        return int(np.prod(space.shape))
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        return sum(_choices(space))
    if isinstance(space, spaces.MultiBinary):
        return int(np.prod(space.shape))
    raise EnvError(
        f"{place}: an action of {space} cannot be given by a motor. Put a wrapper around the environment that "
        "acts by a Box with bounds, Discrete, MultiDiscrete or MultiBinary."
    )


def act(space: spaces.Space[Any], numbers: np.ndarray) -> tuple[Any, np.ndarray]:
    """The environment's action from a brain's numbers `[A]`, and their efference copy: what of them was done."""
    if isinstance(space, spaces.Box):
        done = np.clip(numbers, -1.0, 1.0)
        # exact at both bounds, and for bounds of -1 and 1 the number itself
        middle, half = (np.asarray(x, np.float64).ravel() / 2 for x in (space.high + space.low, space.high - space.low))
        value = np.clip((middle + half * done).reshape(space.shape), space.low, space.high)
        return np.asarray(np.rint(value) if np.issubdtype(space.dtype, np.integer) else value).astype(space.dtype), done
    if isinstance(space, spaces.MultiBinary):
        on = numbers > 0
        return on.reshape(space.shape).astype(space.dtype), np.where(on, 1.0, -1.0)
    assert isinstance(space, spaces.Discrete | spaces.MultiDiscrete)  # `size` let nothing else pass
    counts = _choices(space)
    chosen = np.array([part.argmax() for part in np.split(numbers, np.cumsum(counts)[:-1])])
    return (chosen.reshape(space.shape) + space.start).astype(space.dtype)[()], _one_hot(counts, chosen)


def _choices(space: spaces.Discrete | spaces.MultiDiscrete) -> list[int]:
    return [int(n) for n in np.ravel(space.n if isinstance(space, spaces.Discrete) else space.nvec)]


def _one_hot(counts: list[int], chosen: np.ndarray) -> np.ndarray:
    """Blocks of `counts` numbers side by side, each with a 1 where it was chosen."""
    row = np.zeros(sum(counts), np.float32)
    row[np.cumsum([0, *counts[:-1]]) + chosen] = 1.0
    return row


def _parts(space: spaces.Dict | spaces.Tuple) -> list[tuple[str, spaces.Space[Any], Any]]:
    """Name, space and index of every part; those of a Tuple have numbers."""
    if isinstance(space, spaces.Dict):
        return [(re.sub(r"\W", "_", str(key)), inner, key) for key, inner in space.items()]
    return [(str(number), inner, number) for number, inner in enumerate(space.spaces)]


def _joined(name: str, key: str) -> str:
    """`outer_inner`; a number alone would be no name: `observation_0`."""
    return f"{name}_{key}" if name else f"{OBSERVATION}_{key}" if key.isdecimal() else key
