"""Brain and world together: one decision after the other, inside one program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from agent.circuit import Circuit, Params
from agent.module import Arrays
from envs.base import Env, TimeStep


class Life(NamedTuple):
    """All that goes on from one decision to the next, but for the weights."""

    world: Any
    seen: TimeStep  # what the world showed last; the brain has not yet acted on it
    brain: Any
    key: jax.Array  # raw key data, so that a life is plain numbers
    decisions: jax.Array  # () int32


class Moment(NamedTuple):
    """One decision and what came of it, `[B, ...]`; stacked along time: `[T, B, ...]`."""

    observation: Arrays
    first: jax.Array
    last: jax.Array  # the episode was over: this decision moved nothing
    key: jax.Array
    action: jax.Array
    trace: Arrays
    reward: jax.Array  # what followed
    terms: dict[str, jax.Array]
    discount: jax.Array
    ends: jax.Array  # the episode ended, or was cut off, with this decision
    bad: jax.Array


def begin(circuit: Circuit, env: Env, key: jax.Array) -> Life:
    """Every environment at the start of its first episode, with a fresh brain."""
    world_key, brain_key = jax.random.split(key)
    world, seen = env.reset(world_key)
    return Life(world, seen, circuit.initial(env.batch), jax.random.key_data(brain_key), jnp.zeros((), jnp.int32))


def keys(life: Life, batch: int) -> jax.Array:
    """The random keys of the decision to come, one per environment, whatever the batch."""
    now = jax.random.fold_in(jax.random.wrap_key_data(life.key), life.decisions)
    return jax.vmap(jax.random.fold_in, (None, 0))(now, jnp.arange(batch))


def decide(
    circuit: Circuit,
    env: Env,
    params: Params,
    life: Life,
    *,
    probes: tuple[str, ...] = (),
    clamp: Mapping[str, jax.Array] | None = None,
    actor: Any = None,
) -> tuple[Life, Moment]:
    """One decision. `actor(trace) -> action` may act in place of the brain's own action (its mode, say)."""
    key, seen = keys(life, env.batch), life.seen
    brain, action, trace = circuit.step(
        params, life.brain, seen.observation, seen.first, key, probes=probes, clamp=clamp
    )
    action = action if actor is None else actor(trace)
    world, after = env.step(life.world, action)
    moment = Moment(
        seen.observation,
        seen.first,
        seen.last,
        key,
        action,
        trace,
        after.reward,
        after.terms,
        after.discount,
        after.last,
        after.bad,
    )
    return Life(world, after, brain, life.key, life.decisions + 1), moment


def rollout(circuit: Circuit, env: Env, params: Params, life: Life, length: int, **options: Any) -> tuple[Life, Moment]:
    """`length` decisions: the life after them, and the moments `[T, B, ...]`."""
    return jax.lax.scan(lambda now, _: decide(circuit, env, params, now, **options), life, None, length=length)


class Fault(NamedTuple):
    """The first environment whose physics failed in a rollout; of no meaning where none did."""

    index: jax.Array  # [] in the batch
    time: jax.Array  # [] decisions from the start of the rollout to the failure
    world: Any  # its state at the start of the rollout, without the axis B
    actions: jax.Array  # [T, A]


def first_fault(env: Env, before: Life, lived: Moment) -> Fault:
    """What is needed to live it again."""
    time = jnp.argmax(lived.bad.any(1))
    index = jnp.argmax(lived.bad[time])
    row = getattr(env, "row", lambda world, index: jax.tree.map(lambda leaf: leaf[index], world))
    return Fault(index, time, row(before.world, index), lived.action[:, index])
