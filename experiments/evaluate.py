"""Scores of a trained agent, intact or with modules lesioned; nothing here trains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from agent.circuit import Circuit, Params
from agent.errors import ConfigError, unknown
from agent.motor import policy
from envs import choice
from envs.base import Env
from envs.baselines import baseline
from envs.world import World
from experiments.learning.rollout import Life, Moment, begin, rollout
from experiments.run import Run, make_env
from experiments.swap import swapped

BATCH = 256
STRETCH = 64  # decisions between two looks at whether all episodes are over


@dataclass(frozen=True)
class Score:
    """Between the strongest null policy (0) and the best scripted oracle (1), with a 95 % bootstrap interval.

    Machines and Gymnasium environments have neither end and so no score; the interval is then that of the mean return.
    """

    score: float | None
    low: float
    high: float
    mean: float
    null: float | None
    oracle: float | None
    episodes: int
    lesions: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def figure(self) -> float:
        """The score, or the mean return where there is none."""
        return self.mean if self.score is None else self.score


def evaluate(
    run: Run,
    episodes: int = 512,
    lesions: Sequence[str] = (),
    deterministic: bool = True,
    checkpoint: int | None = None,
    engine: str = "",
    swap: Mapping[str, str] | None = None,
) -> dict[str, Score]:
    """The score per task of a run's newest checkpoint, or of another one.

    A lesion replaces all that a module sends by its mean over intact episodes. `engine` names another physics engine
    than that of the run. `swap` puts `.nir` files in the place of modules, `{module: path}`.
    """
    for name in lesions:
        if name not in run.circuit.modules:
            raise ConfigError(f"--lesion {name}: {unknown('module', name, run.circuit.modules)}")
    world = run.setup.world
    ends = baseline(world) if isinstance(run.env, World) else None  # complains before the work
    other = on_engine(run, engine)  # complains too
    params = run.learner(checkpoint).params  # of the run itself: what a checkpoint holds depends on its engine
    run = other
    if swap:
        run, params = swapped(run, params, swap)
    params = run.circuit.whole(params, run.circuit.frozen)
    clamp = means(run, params, lesions) if lesions else {}
    returns = episode_returns(run, params, episodes, clamp=clamp, deterministic=deterministic)
    (low, high), mean = interval(returns), float(returns.mean())
    if ends is None:
        return {world: Score(None, low, high, mean, None, None, len(returns), tuple(lesions))}
    score, low, high = (float(ends.score(x)) for x in (mean, low, high))
    return {world: Score(score, low, high, mean, ends.null, ends.oracle, len(returns), tuple(lesions))}


def on_engine(run: Run, engine: str) -> Run:
    """The same run with its world on another engine; its own if none is named. Load the weights before."""
    if not engine:
        return run
    if run.setup.env.id:
        raise ConfigError(
            f"--engine {engine}: {run.setup.env.id!r} is a Gymnasium environment, which has its own. "
            "Leave --engine out."
        )
    choice.engine(engine)
    return replace(run, setup=replace(run.setup, env=replace(run.setup.env, engine=engine)))


def interval(values: np.ndarray, level: float = 0.95, resamples: int = 2000) -> tuple[float, float]:
    """Percentile bootstrap of the mean (Efron 1979)."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (resamples, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def episode_returns(
    run: Run,
    params: Params,
    episodes: int,
    *,
    clamp: Mapping[str, jax.Array] | None = None,
    deterministic: bool = True,
    seed: int = 0,
) -> np.ndarray:
    """What a task is scored by (often the return) in so many first episodes, one per environment, on test seeds.

    These are odd; training seeds are even.
    """
    batch = min(episodes, BATCH)
    env = make_env(run.setup, batch)
    options = {"clamp": clamp or {}, "actor": mode(run) if deterministic else None}
    if deterministic:
        options["probes"] = (run.setup.learning.policy,)
    start = jax.jit(lambda key: begin(run.circuit, env, key))
    go = _stretch(run.circuit, env, options)
    found: list[np.ndarray] = []
    for number in range(math.ceil(episodes / batch)):
        life = start(jax.random.key(2 * (seed + number) + 1))
        total, over = jnp.zeros(batch), jnp.zeros(batch, bool)
        while not over.all():
            life, total, over = go(params, life, total, over)
        found.append(np.asarray(total))
    return np.concatenate(found)[:episodes]


def mode(run: Run) -> Any:
    """An actor that takes the most likely action in place of a random one."""
    return lambda trace: policy.mode(trace[run.setup.learning.policy])


def _stretch(circuit: Circuit, env: Env, options: Mapping[str, Any]) -> Any:
    """A compiled stretch of decisions that adds up the rewards of each environment's first episode."""

    metric = getattr(getattr(env, "task", None), "metric", "return")

    @jax.jit
    def go(params: Params, life: Life, total: jax.Array, over: jax.Array) -> tuple[Life, jax.Array, jax.Array]:
        life, lived = rollout(circuit, env, params, life, STRETCH, **options)

        def add(carry: tuple[jax.Array, jax.Array], moment: Moment) -> tuple[tuple[jax.Array, jax.Array], None]:
            total, over = carry
            gain = moment.reward if metric == "return" else moment.terms[metric]
            return (total + jnp.where(over, 0.0, gain), over | moment.ends), None

        (total, over), _ = jax.lax.scan(add, (total, over), lived)
        return life, total, over

    return go


def means(run: Run, params: Params, names: Sequence[str], decisions: int = 256) -> dict[str, jax.Array]:
    """The mean of every port of some modules over intact behaviour: what a lesioned module sends instead."""
    ports = tuple(p for p in run.circuit.port_names if p.split(".")[0] in names)
    floats = tuple(p for p in ports if jnp.issubdtype(run.circuit.port(p).dtype, jnp.floating))
    env = make_env(run.setup, BATCH)

    @jax.jit
    def collect(params: Params, key: jax.Array) -> dict[str, jax.Array]:
        life = begin(run.circuit, env, key)
        _, lived = rollout(run.circuit, env, params, life, decisions, probes=floats)
        return {port: lived.trace[port].mean(axis=(0, 1)) for port in floats}

    return collect(params, jax.random.key(99991))
