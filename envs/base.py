"""The contract of a world: pure, batched `reset(key)` and `step(state, action)`."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import gymnasium
import jax
import jax.numpy as jnp

from envs.registry import EnvError

Observation = dict[str, jax.Array]


class TimeStep(NamedTuple):
    """What the world shows after a decision; every array has the leading axis B.

    Follows dm_env: the step taken from a `last` time step ignores the action and starts the next episode
    (Gymnasium's next-step autoreset), so that the final observation of an episode is always seen.
    """

    observation: Observation
    reward: jax.Array  # [B], sum of `terms`
    terms: dict[str, jax.Array]  # [B] each: the named reward terms
    discount: jax.Array  # [B], 0 where the episode ended for good, else 1
    first: jax.Array  # [B] bool, first of an episode
    last: jax.Array  # [B] bool, last of an episode (ended or cut off)
    bad: jax.Array  # [B] bool, the physics failed or the body left its world; the episode is cut off


class Env(Protocol):
    """A batch of environments of one task, on one engine, with one body."""

    batch: int
    observation_space: gymnasium.spaces.Dict
    action_space: gymnasium.spaces.Box[Any]

    def reset(self, key: jax.Array) -> tuple[Any, TimeStep]:
        """Starts every environment; `key` is one key, split over the batch."""
        ...

    def step(self, state: Any, action: jax.Array) -> tuple[Any, TimeStep]:
        """One decision; `action` is `[B, A]` (clipped to the action space)."""
        ...


def metric(env: Env) -> str:
    """What a task is scored by: `return`, the name of the reward term that is summed over an episode, or a measure."""
    return getattr(getattr(env, "task", None), "metric", "return")


def gain(env: Env, step: Any) -> jax.Array:
    """`[..., B]`, what time steps (or moments, with `reward` and `terms` too) add to the metric.

    Where that is a measure of whole episodes (`envs.measures`), the reward.
    """
    return step.terms.get(metric(env), step.reward)


def check_action(name: str, env: Env, action: jax.Array) -> None:
    """EnvError, already while a program is traced, where `action` is not `[B, A]`; else NumPy would broadcast it."""
    found, wanted = jnp.shape(action), (env.batch, *env.action_space.shape)
    if found != wanted:
        raise EnvError(
            f"{name}: step got an action of shape {list(found)}, but {list(wanted)} is wanted: {env.batch} "
            f"environment{'s' if env.batch > 1 else ''}, {wanted[1]} number{'s' if wanted[1] > 1 else ''} for each."
        )
