"""GROUND with a sentence of one's choice: scenes in which it means one of four things, and the names of things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from envs import layouts
from envs.grammar import SIZES, Said
from envs.moment import Body
from envs.parsing import understood
from envs.scene import COLOURS, SHAPES, Pose, Start

if TYPE_CHECKING:
    from envs.tasks.ground import Ground, GroundState


@dataclass(frozen=True)
class Staged:
    """A task all of whose episodes say the same, each in another scene that it is true of."""

    task: Ground
    said: Said
    row: int

    def reset(self, key: jax.Array, body: Body) -> tuple[GroundState, Start]:
        del body
        from envs.tasks.ground import GroundState

        which, where = jax.random.split(key)
        form = jnp.int32(self.said.form)
        position, start = layouts.place(where, form)
        kinds = layouts.staged(which, self.said)
        return GroundState(position, kinds, form, jnp.int32(self.row), jnp.bool_(False), jnp.int32(0)), start

    def __getattr__(self, name: str) -> Any:
        return getattr(self.task, name)


def staged(task: Ground, text: str) -> Staged | None:
    """GROUND saying `text`, or None where it is not understood.

    A sentence without a row of its own has row 0: what is heard must be put in its place.
    """
    found = understood(text)
    return Staged(task, found[0], found[1] or 0) if found else None


def called(kinds: np.ndarray) -> tuple[str, ...]:
    """The names of things `[n, 3]`: "big blue pillar"."""
    names = [list(each) for each in (SIZES, COLOURS, SHAPES)]
    return tuple(" ".join(name[int(k)] for name, k in zip(names, kind, strict=True)) for kind in kinds)


def account(task: Ground, state: GroundState, pose: Pose, body: Body, judged: bool) -> str:
    """Which thing a body touches, as plain arrays, and whether the sentence means it."""
    things = jax.device_get(task.scene(jax.tree.map(jnp.asarray, state)).things)
    gap = np.linalg.norm(things.position - np.asarray(pose.position), axis=-1) - things.radius - body.radius
    names, meant = called(np.asarray(state.kinds)), int(state.taken)
    if gap.min() > task.reach + 1e-6:
        return "touched nothing"
    found = int(np.argmin(gap))
    if not judged:
        return f"touched the {names[found]}"
    return f"touched the {names[found]}, " + ("as told" if found == meant else f"not the {names[meant]}")
