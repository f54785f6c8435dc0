"""`bench soak`: random actions, extreme ones among them, in every world with every body, looking for what breaks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import envs
from envs.base import Env
from experiments.progress import Steps
from experiments.provenance import circumstances

BATCH = 256
STRETCH = 64  # decisions in one call
_NEEDS_FILE = "mjcf"  # a body that is somebody's file
_APART = {"camera", "sentence"}  # as slow as a renderer; only where something is said


def worlds() -> dict[str, dict[str, Any]]:
    """What is soaked: options of `envs.make` by name; the arena's bodies with all senses, and all machines."""
    senses = sorted(set(envs.senses()) - _APART)
    bodies = sorted(set(envs.bodies()) - {_NEEDS_FILE})
    arena = {
        f"{task} {body}": {"task": task, "body": body, "senses": senses} for task in envs.tasks() for body in bodies
    }
    return arena | {name: {"task": name} for name in sorted(envs.controls())}


def bench(steps: int, seed: int, say: Callable[[str], None], only: str = "") -> dict[str, Any]:
    """Decisions, faults and numbers that are not finite, per world; `steps` decisions in all, shared evenly."""
    chosen = {name: options for name, options in worlds().items() if only in name}
    share = -(-steps // max(len(chosen), 1))
    found = {}
    with Steps("soaking", share * len(chosen)) as progress:
        for number, (name, options) in enumerate(chosen.items()):
            found[name] = soak(envs.make(batch=BATCH, **options), share, seed + number, progress.advance)
            row = found[name]
            say(
                f"{name:24} {row['decisions']:>10,} decisions  {row['faults']} faults  {row['not_finite']} not finite"
                f"  {row['episodes']:,} episodes  {row['per_second']:,.0f}/s"
            )
    total = {key: sum(row[key] for row in found.values()) for key in ("decisions", "faults", "not_finite")}
    return {"worlds": found, "total": total, "batch": BATCH, "seed": seed, "measured": circumstances()}


def soak(env: Env, decisions: int, seed: int, advance: Callable[[int], None] = lambda done: None) -> dict[str, Any]:
    """At least so many decisions of one batch of environments, rounded up to whole stretches."""
    live = jax.jit(lambda state, key: jax.lax.scan(_step(env), state, jax.random.split(key, STRETCH)))
    key = jax.random.key(seed)
    state, _ = jax.jit(env.reset)(key)
    per_call = STRETCH * env.batch
    calls = max(1, -(-decisions // per_call))
    counts, started, timed = np.zeros(3, int), time.perf_counter(), 0.0
    for call in range(calls):
        state, sums = live(state, jax.random.fold_in(key, call))
        counts += np.array([int(each.sum()) for each in sums])
        advance(per_call)
        if call == 0:
            timed = time.perf_counter()  # compiled by now
    seconds = time.perf_counter() - (timed if calls > 1 else started)
    faults, broken, episodes = counts.tolist()
    return {
        "decisions": calls * per_call,
        "faults": faults,
        "not_finite": broken,
        "episodes": episodes,
        "per_second": max(calls - 1, 1) * per_call / seconds,
    }


def _step(env: Env) -> Callable[[Any, jax.Array], tuple[Any, tuple[jax.Array, ...]]]:
    """One decision: how many environments failed, showed a number that is none, and ended an episode."""

    def step(state: Any, key: jax.Array) -> tuple[Any, tuple[jax.Array, ...]]:
        state, shown = env.step(state, actions(key, (env.batch, *env.action_space.shape)))
        leaves = [leaf.reshape(env.batch, -1) for leaf in jax.tree.leaves((shown.observation, shown.reward))]
        finite = jnp.stack([jnp.isfinite(leaf).all(-1) for leaf in leaves]).all(0)
        return state, (shown.bad.sum(), (~finite).sum(), shown.last.sum())

    return step


def actions(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """A quarter each: uniform, all the way to one side, far out of bounds or infinite, and 0."""
    kind, uniform, side, far = jax.random.split(key, 4)
    ends = jax.random.rademacher(side, shape, jnp.float32)
    wild = jnp.where(jax.random.bernoulli(far, 0.5, shape), 1e30 * ends, jnp.inf * ends)
    choice = jax.random.randint(kind, (shape[0], 1), 0, 4)
    middle = jax.random.uniform(uniform, shape, minval=-1.0)
    return jnp.select([choice == 0, choice == 1, choice == 2], [middle, ends, wild], 0.0)
