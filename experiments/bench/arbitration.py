"""`bench arbitration`: what planning on demand keeps of the score of planning always, and what it saves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from agent.circuit import Params
from agent.meta.controller import ControllerConfig
from agent.planning.planner import PlannerConfig
from experiments.altered import altered
from experiments.bench.faculties import scored
from experiments.bench.timing import alternate
from experiments.errors import RunError
from experiments.evaluate import mode
from experiments.learning.rollout import Life, begin, rollout
from experiments.provenance import circumstances
from experiments.run import Run, make_env
from experiments.seeds import decisions, figure, seeds_of

SHARE = 0.3
"""The most that may plan at a decision on demand."""
BATCH, DECISIONS = 256, 64
"""Environments, and decisions while the clock runs; as many come before."""


def bench(
    folders: Sequence[str], episodes: int, turns: int, say: Callable[[str], None], overrides: Sequence[str] = ()
) -> dict[str, Any]:
    """Score, part of decisions at which a plan was made, and CPU time of a decision with its world: planning never, at
    every decision, and on demand; runs are grouped by name but for the last `-N`. Times are of a group's first run.
    The world is that of training, as far as `overrides` such as `task.split=transparent` do not change it.
    """
    found = {}
    for name, runs in seeds_of(folders).items():
        worlds = {title: altered(runs[0], [*overrides, *how]) for title, how in manners(runs[0]).items()}
        weights = [run.learner().params for run in runs]
        rows = {title: scored(world, weights, episodes) for title, world in worlds.items()}
        lives = {title: _life(world, weights[0]) for title, world in worlds.items()}
        rates = alternate({title: (job, BATCH * DECISIONS) for title, job in lives.items()}, turns)
        for title, row in rows.items():
            row["planned"] = figure(np.array([float(lives[title]())]))
            row["microseconds"] = figure(1e6 / np.array(rates[title].per_cpu_second))
            say(f"{name}, {title}: " + ", ".join(f"{what} {each['mean']:.3f}" for what, each in row.items()))
        found[name] = {
            "task": runs[0].setup.world,
            "seeds": [run.setup.seed for run in runs],
            "decisions": decisions(runs[0]),
            "conditions": rows,
            "ratios": _ratios(rows),
        }
    return {
        "faculties": found,
        "overrides": list(overrides),
        "episodes": episodes,
        "turns": turns,
        "measured": circumstances(),
    }


def manners(run: Run) -> dict[str, list[str]]:
    """What is set for each manner of planning. RunError where a brain has no controller that asks a planner."""
    modules = run.circuit.modules.items()
    ask = next((name for name, config in modules if isinstance(config, ControllerConfig)), None)
    plan = next((name for name, config in modules if isinstance(config, PlannerConfig)), None)
    if ask is None or plan is None:
        raise RunError(f"{run.path} has no controller that asks a planner. Take agents of agent=deliberate.")
    gate, every, budget = f"agent.modules.{ask}.gate", f"agent.modules.{plan}.every", f"agent.modules.{plan}.budget"
    return {
        "never": [f"{gate}=-100.0"],
        "always": [f"{gate}=10.0", f"{every}=1", f"{budget}=1.0"],
        "on demand": [f"agent.modules.{ask}.explore=0.0", f"{every}=1", f"{budget}={SHARE}"],  # to explore is to learn
    }


def _life(run: Run, params: Params) -> Callable[[], jax.Array]:
    """A job: some decisions of a brain in its world. It gives the part of them at which a plan was made, `[]`."""
    env = make_env(run.setup, BATCH)
    planned = next(f"{n}.planned" for n, config in run.circuit.modules.items() if isinstance(config, PlannerConfig))
    probes = (planned, run.setup.learning.policy)
    params = run.circuit.whole(params, run.circuit.frozen)

    @jax.jit
    def live(params: Params, life: Life) -> tuple[Life, jax.Array]:
        life, lived = rollout(run.circuit, env, params, life, DECISIONS, probes=probes, actor=mode(run))
        return life, lived.trace[planned].mean()

    start, _ = live(params, jax.jit(lambda key: begin(run.circuit, env, key))(jax.random.key(1)))
    return lambda: live(params, start)[1]


def _ratios(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    score, cost = ({title: row[what]["mean"] for title, row in rows.items()} for what in ("score", "microseconds"))
    return {
        "score on demand / always": score["on demand"] / score["always"],
        "score never / always": score["never"] / score["always"],
        "cost on demand / always": cost["on demand"] / cost["always"],
        "cost never / always": cost["never"] / cost["always"],
    }
