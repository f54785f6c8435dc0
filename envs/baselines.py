"""Baselines: what nothing and what everything gets on a task, the 0 and the 1 of a score.

    python -m envs.baselines [--episodes 2000] [TASK ...]

runs every scripted policy of the tasks and stores mean, standard error and circumstances in `envs/baselines.json`.
The null of a task is its strongest null policy, the oracle its best scripted one.
"""

from __future__ import annotations

import argparse
import json
import math
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

import envs
from envs import scripted
from envs.base import gain
from envs.measures import estimate, recorded
from envs.registry import EnvError
from envs.scripted import Policy, View
from envs.world import ACTION_REPEAT, World, select

FILE = Path(__file__).with_name("baselines.json")
FORMAT = 1
_BATCH = 250
_SEED = 1  # the oracles were tuned on episodes of seed 0: these are others


class Baseline(NamedTuple):
    """The two ends of a task's scale: `score = (mean - null) / (oracle - null)`."""

    null: float
    oracle: float
    null_policy: str
    oracle_policy: str
    policies: dict[str, dict[str, Any]]  # name -> mean, se; None where the metric says nothing of it
    episodes: int
    versions: dict[str, str]
    command: str

    def score(self, mean: float) -> float:
        """0 for the strongest null policy, 1 for the oracle; not clipped."""
        return (mean - self.null) / (self.oracle - self.null)


def baseline(task: str) -> Baseline:
    """The stored baseline of a task with its default options."""
    stored = _stored()["tasks"]
    if task not in stored:
        if task in envs.registry.names("envs.control"):
            raise EnvError(
                f"task {task!r} has no baseline: nobody knows the best return. Its mean return is the result."
            )
        envs.registry.kind("envs.tasks", task)  # an unknown name is told as such
        raise EnvError(f"task {task!r} has no stored baseline. Compute it: python -m envs.baselines {task}")
    return Baseline(**stored[task])


def episodes(env: World, policy: Policy, number: int, key: jax.Array) -> np.ndarray:
    """`[number]` values of the task's metric, one whole episode each; `number` is rounded up to whole batches.

    Where that is a measure, which belongs to many episodes, their returns.
    """
    return play(env, policy, number, key)[0]


def play(env: World, policy: Policy, number: int, key: jax.Array) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The values, and what the task records of the same episodes (`envs.measures`), `[number, ...]` each."""
    length = math.ceil(env.task.horizon / ACTION_REPEAT)
    act = jax.vmap(lambda state, pose, scene, task, key: policy.act(state, View(pose, scene, task), key))
    start = jax.vmap(policy.initial)

    @jax.jit
    def batch(key: jax.Array) -> Any:
        state, step = env.reset(key)
        memory = start(jax.random.split(key, env.batch))

        moments = jax.random.split(key, length)

        def decide(carry: tuple[Any, ...]) -> tuple[Any, ...]:
            now, state, memory, total, over, record = carry
            keys = jax.random.split(moments[now], env.batch)
            memory, action = act(memory, env.pose(state), env.scene(state), state.task, keys)
            state, step = env.step(state, action)
            memory = select(step.first, start(keys), memory)
            total = total + jnp.where(over, 0.0, gain(env, step))
            record = select(over, record, recorded(env.task, state.task))
            return now + 1, state, memory, total, over | step.last, record

        carry = (0, state, memory, step.reward, jnp.zeros(env.batch, bool), recorded(env.task, state.task))
        carry = jax.lax.while_loop(lambda carry: (carry[0] < length) & ~carry[4].all(), decide, carry)
        return carry[3], carry[5]

    keys = jax.random.split(key, math.ceil(number / env.batch))
    return jax.tree.map(lambda *parts: np.concatenate(parts), *[jax.device_get(batch(each)) for each in keys])


def policies(env: World) -> tuple[dict[str, Policy], dict[str, Policy]]:
    """The task's null policies and its oracles."""
    own = getattr(env.task, "nulls", dict)
    return scripted.nulls() | own(), env.task.scripted()


def compute(task: str, number: int) -> dict[str, Any]:
    """The baseline of a task as it is stored."""
    env = cast("World", envs.make(task, batch=min(_BATCH, number)))
    nulls, oracles = policies(env)
    found = {}
    for name, policy in (nulls | oracles).items():
        values, record = play(env, policy, number, jax.random.key(_SEED))
        mean, error = estimate(env.task, values, record)
        found[name] = {"mean": round(mean, 4), "se": round(error, 4)}
        found[name] = {end: value if math.isfinite(value) else None for end, value in found[name].items()}
    best = lambda names: max(names, key=lambda name: -math.inf if (m := found[name]["mean"]) is None else m)  # noqa: E731
    null, oracle = best(nulls), best(oracles)
    return {
        "null": found[null]["mean"],
        "oracle": found[oracle]["mean"],
        "null_policy": null,
        "oracle_policy": oracle,
        "policies": found,
        "episodes": len(values),
        "versions": {name: version(name) for name in ("mujoco", "jax")},
        "command": f"python -m envs.baselines --episodes {number} {task}",
    }


@lru_cache(maxsize=1)
def _stored() -> dict[str, Any]:
    return json.loads(FILE.read_text()) if FILE.exists() else {"format": FORMAT, "tasks": {}}


def main(arguments: list[str] | None = None) -> None:
    """The command: recompute the baselines of some tasks (all by default) and store them."""
    parser = argparse.ArgumentParser(prog="python -m envs.baselines", description="Recompute stored baselines.")
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="tasks by name; all by default")
    parser.add_argument("--episodes", type=int, default=2000, help="episodes for every policy (default 2000)")
    options = parser.parse_args(arguments)
    names = options.tasks or list(envs.tasks())
    for name in names:
        envs.registry.kind("envs.tasks", name)
    stored = {"format": FORMAT, "tasks": dict(_stored()["tasks"])}
    for name in names:
        stored["tasks"][name] = compute(name, options.episodes)
        for policy, value in stored["tasks"][name]["policies"].items():
            mean, error = (math.nan if value[end] is None else value[end] for end in ("mean", "se"))
            print(f"{name:12s} {policy:12s} {mean:8.3f} ± {error:.3f}")
    FILE.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    try:
        main()
    except EnvError as error:
        raise SystemExit(str(error)) from None
