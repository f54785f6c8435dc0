"""Several tasks at once: one batch in which all have equal shares of the environments, and so of the time.

`envs.join({"forage": {}, "dmp": {"delay": 100}}, batch=256)` gives one. Nothing but what is sensed tells a brain which
task it is in; where some of them say something, the others say "explore".
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import jax
import jax.numpy as jnp

from envs.base import TimeStep, check_action
from envs.registry import EnvError, unknown
from envs.world import World

KIND = "joint"
"""What configs call it, in place of a task."""


class Joint:
    """A batch of environments of several tasks, the first task first; satisfies `envs.base.Env`."""

    def __init__(self, worlds: Mapping[str, World], worth: Mapping[str, float]) -> None:
        self.worlds, self.worth = dict(worlds), {name: float(worth.get(name, 1.0)) for name in worlds}
        first, *others = self.worlds.values()
        for world in others:
            if (world.observation_space, world.action_space) != (first.observation_space, first.action_space):
                raise EnvError(
                    f"tasks {first.name} and {world.name} cannot be joined: what is sensed or done in them differs. "
                    f"{first.observation_space} {first.action_space}; {world.observation_space} {world.action_space}."
                )
        self.name, self.starts = KIND, [0, *accumulate(world.batch for world in self.worlds.values())]
        self.batch = self.starts.pop()
        self.observation_space, self.action_space = first.observation_space, first.action_space
        self.labels = first.labels
        self.seconds = first.seconds

    def reset(self, key: jax.Array) -> tuple[tuple[Any, ...], TimeStep]:
        """Starts every environment; world i draws from `fold_in(key, i)`."""
        keys = [jax.random.fold_in(key, number) for number in range(len(self.worlds))]
        return self._gathered([world.reset(k) for world, k in zip(self.worlds.values(), keys, strict=True)])

    def step(self, state: tuple[Any, ...], action: jax.Array) -> tuple[tuple[Any, ...], TimeStep]:
        """One decision; `action` is `[B, A]`."""
        check_action(self.name, self, action)
        parts = zip(self.worlds.values(), state, jnp.split(action, self.starts[1:]), strict=True)
        return self._gathered([world.step(each, act) for world, each, act in parts])

    def task_of(self, index: int) -> str:
        """The task of an environment."""
        return list(self.worlds)[bisect_right(self.starts, index) - 1]

    def row(self, state: tuple[Any, ...], index: jax.Array) -> tuple[Any, ...]:
        """The state of one environment, in the place of its task; of the others some environment's."""
        taken = lambda start: lambda leaf: jnp.take(leaf, index - start, axis=0, mode="clip")  # noqa: E731
        return tuple(jax.tree.map(taken(start), each) for start, each in zip(self.starts, state, strict=True))

    def _gathered(self, stepped: list[tuple[Any, TimeStep]]) -> tuple[tuple[Any, ...], TimeStep]:
        """One time step of them all. A reward counts its `worth`; its terms, `task/term`, are 0 in other tasks."""
        states, steps = zip(*stepped, strict=True)
        terms = {}
        for name, start, step in zip(self.worlds, self.starts, steps, strict=True):
            around = (start, self.batch - start - len(step.reward))
            terms |= {f"{name}/{term}": jnp.pad(value, around) for term, value in step.terms.items()}
        plain = [
            step._replace(reward=worth * step.reward, terms={})
            for worth, step in zip(self.worth.values(), steps, strict=True)
        ]
        whole: TimeStep = jax.tree.map(lambda *parts: jnp.concatenate(parts), *plain)
        return tuple(states), whole._replace(terms=terms)


def check(tasks: Any, worth: Any, batch: int) -> None:
    """EnvError where tasks, the worth of their rewards, or their share in the batch will not do."""
    if not isinstance(tasks, Mapping) or not tasks or not all(isinstance(o, Mapping) for o in tasks.values()):
        raise EnvError(f"joint.tasks is {tasks!r}; names and options are wanted, such as {{forage: {{}}, dmp: {{}}}}.")
    if not isinstance(worth, Mapping):
        raise EnvError(f"joint.worth is {worth!r}; numbers by task are wanted, such as {{ground: 10}}.")
    for name, value in worth.items():
        if name not in tasks:
            raise unknown("task in joint.worth", name, tasks)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise EnvError(f"joint.worth.{name} is {value!r}; a number above 0 is wanted, for example 10.")
    if batch < len(tasks):
        raise EnvError(f"{len(tasks)} tasks cannot share {batch} environments. Take at least one for each.")
