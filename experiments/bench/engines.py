"""`bench engines`: FORAGE's best scripted policy, and a trained agent, act alike on every engine.

Single trajectories part after the first contact, so what is compared is the mean return over episodes that begin alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import jax
import numpy as np

import envs
from envs import choice
from envs.baselines import baseline, episodes
from envs.world import World
from experiments.evaluate import BATCH, on_engine, play
from experiments.provenance import circumstances
from experiments.run import load
from experiments.scores import interval

TASK = "forage"
SEED = 1  # of the oracle's episodes; an agent's are the test seeds of `scrubjay evaluate`
Player = Callable[[str, int], np.ndarray]
"""Returns of so many episodes on an engine; episode i begins alike on all."""


def bench(engines: Sequence[str], number: int, folder: str | Path | None, say: Callable[[str], None]) -> dict[str, Any]:
    """Mean return of every player on every engine, and how far each engine is from the first of them.

    All intervals are 95 % bootstraps: of a mean over its episodes, of a difference over pairs of episodes.
    """
    for engine in engines:
        choice.engine(engine)  # complains before the work
    players: dict[str, Player] = {f"oracle ({baseline(TASK).oracle_policy})": oracle}
    if folder:
        players[f"agent of {Path(folder).name}"] = agent(folder)
    found: dict[str, Any] = {}
    for name, player in players.items():
        returns, rows = {}, {}
        for engine in dict.fromkeys(engines):
            before = time.perf_counter()
            returns[engine] = player(engine, number)
            rows[engine] = {**_mean(returns[engine]), "seconds": time.perf_counter() - before}
            say("{}, {}: {mean:.3f} [{low:.3f}, {high:.3f}] in {seconds:.0f} s".format(name, engine, **rows[engine]))
        found[name] = {"returns": rows, "differences": differences(returns)}
    return {"engines": found, "episodes": number, "task": TASK, "measured": circumstances()}


def differences(returns: dict[str, np.ndarray]) -> dict[str, Any]:
    """Of every engine from the first, pair by pair; `agree` where the interval holds 0."""
    (first, reference), *others = returns.items()
    found = {}
    for engine, values in others:
        row = _mean(values - reference)
        found[f"{engine} - {first}"] = {**row, "agree": row["low"] <= 0.0 <= row["high"]}
    return found


def oracle(engine: str, number: int) -> np.ndarray:
    """The task's best scripted policy, which sees the whole state."""
    env = cast("World", envs.make(TASK, batch=min(number, BATCH), engine=engine))
    policy = env.task.scripted()[baseline(TASK).oracle_policy]
    return episodes(env, policy, number, jax.random.key(SEED))[:number]


def agent(folder: str | Path) -> Player:
    """The newest checkpoint of a run, taking the likeliest action."""
    run = load(folder)
    params = run.learner().params
    return lambda engine, number: play(on_engine(run, engine), params, number).values


def _mean(values: np.ndarray) -> dict[str, float]:
    low, high = interval(values)
    return {"mean": float(values.mean()), "low": low, "high": high}
