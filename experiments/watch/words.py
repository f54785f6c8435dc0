"""What a replay says in words: events, and captions of what was said and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from envs.world import World

if TYPE_CHECKING:
    from experiments.watch.record import Frame


_STEADY = 0.5
"""Part of decisions with a reward or a cost from which on it is part of what goes on."""


def said(env: World, row: Any) -> str:
    """The sentence that holds in one environment's state; none where the task says nothing."""
    number = env.task.scene(jax.tree.map(jnp.asarray, row.task)).sentence
    return "" if number is None or not env.fixed.sentences else env.fixed.sentences[int(number)]


def account(env: World, world: Any, judged: bool) -> str:
    """What came of an episode that just ended, where the task can tell it (`account`)."""
    tell = getattr(env.task, "account", None)
    state, pose = jax.tree.map(lambda x: np.asarray(x)[0], (world.task, env.pose(world)))
    return tell(state, pose, env.body, judged) if tell else ""


def captions(frames: Sequence[Frame], time: np.ndarray) -> Iterator[tuple[float, str]]:
    """What is said from when on, and at the end what came of it."""
    for frame, now in zip(frames, time, strict=True):
        if frame.said and frame.first:
            yield float(now), f"“{frame.said}”"
        if frame.said and frame.account:
            yield float(now), f"“{frame.said}”: {frame.account}"


def events(frames: Sequence[Frame], time: np.ndarray, episode: np.ndarray) -> Iterator[tuple[float, str]]:
    """Where episodes begin, what was rewarded, and what came of it. What most decisions cost is no event."""
    steady = {term for term in frames[0].reward if np.mean([frame.reward[term] != 0 for frame in frames]) > _STEADY}
    for frame, now, number in zip(frames, time, episode, strict=True):
        if frame.first:
            yield float(now), f"episode {number + 1} begins" + (f": “{frame.said}”" if frame.said else "")
        for term, value in frame.reward.items():
            if value and term not in steady:
                yield float(now), f"{term} {value:+g}"
        if frame.account:
            yield float(now), frame.account
