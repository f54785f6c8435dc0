"""Scores of a trained agent, intact or with modules lesioned; nothing here trains."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from agent.circuit import Circuit, Params
from agent.errors import ConfigError, unknown
from agent.motor import policy
from envs import choice
from envs.base import Env, gain, metric
from envs.baselines import baseline
from envs.moment import groups
from envs.world import World
from experiments.altered import altered
from experiments.learning.rollout import Life, Moment, begin, rollout
from experiments.run import Run, make_env
from experiments.scores import Part, Score, interval
from experiments.swap import swapped

BATCH = 256
STRETCH = 64  # decisions between two looks at whether all episodes are over


def evaluate(
    run: Run,
    episodes: int = 512,
    lesions: Sequence[str] = (),
    deterministic: bool = True,
    checkpoint: int | None = None,
    engine: str = "",
    swap: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
) -> dict[str, Score]:
    """The score per task of a run's newest checkpoint, or of another one.

    A lesion replaces all that a module sends by its mean over intact episodes. `engine` names another physics engine
    than that of the run. `swap` puts `.nir` files in the place of modules, `{module: path}`. `overrides` set the world
    anew, `["task.split=pairs"]`, as far as brain and baseline stay what they are.
    """
    for name in lesions:
        if name not in run.circuit.modules:
            raise ConfigError(f"--lesion {name}: {unknown('module', name, run.circuit.modules)}")
    run = altered(run, overrides)
    world = run.setup.world
    ends = baseline(world) if isinstance(run.env, World) else None  # complains before the work
    run = on_engine(run, engine)  # complains too
    params = run.learner(checkpoint).params
    if swap:
        run, params = swapped(run, params, swap)
    clamp = means(run, params, lesions) if lesions else {}
    played = play(run, params, episodes, clamp=clamp, deterministic=deterministic)
    (low, high), mean = interval(played.values), float(played.values.mean())
    more: dict[str, Any] = {"lesions": tuple(lesions), "metric": metric(run.env), "groups": parts(run, played)}
    if ends is None:
        return {world: Score(None, low, high, mean, None, None, len(played.values), **more)}
    score, low, high = (float(ends.score(x)) for x in (mean, low, high))
    return {world: Score(score, low, high, mean, ends.null, ends.oracle, len(played.values), **more)}


def parts(run: Run, played: Played) -> dict[str, Part]:
    """The metric by groups of episodes, where the task names some."""
    names = groups(getattr(run.env, "task", None))
    found = {name: played.values[played.groups == number] for number, name in enumerate(names)}
    return {name: Part(float(v.mean()), *interval(v), len(v)) for name, v in found.items() if len(v)}


def on_engine(run: Run, engine: str) -> Run:
    """The same run with its world on another engine; its own if none is named."""
    if not engine:
        return run
    if run.setup.env.id:
        raise ConfigError(
            f"--engine {engine}: {run.setup.env.id!r} is a Gymnasium environment, which has its own. "
            "Leave --engine out."
        )
    choice.engine(engine)
    setup = replace(run.setup, env=replace(run.setup.env, engine=engine))
    return replace(run, setup=setup, trained=run.trained or run)


class Played(NamedTuple):
    """Whole episodes."""

    values: np.ndarray  # [E], what the task is scored by, often the return
    groups: np.ndarray  # [E] int, places in the task's groups; 0 where it has none


def play(
    run: Run,
    params: Params,
    episodes: int,
    *,
    clamp: Mapping[str, jax.Array] | None = None,
    deterministic: bool = True,
    seed: int = 0,
) -> Played:
    """So many first episodes, one per environment, on test seeds: these are odd; training seeds are even."""
    return player(run, episodes, clamp=clamp, deterministic=deterministic, seed=seed)(params)


def player(
    run: Run,
    episodes: int,
    *,
    clamp: Mapping[str, jax.Array] | None = None,
    deterministic: bool = True,
    seed: int = 0,
) -> Callable[[Params], Played]:
    """As `play`, for several weights of one brain: compiled once."""
    batch = min(episodes, BATCH)
    env = make_env(run.setup, batch)
    options = {"clamp": clamp or {}, "actor": mode(run) if deterministic else None}
    if deterministic:
        options["probes"] = (run.setup.learning.policy,)
    start = jax.jit(lambda key: begin(run.circuit, env, key))
    go = _stretch(run.circuit, env, options)

    def played(params: Params) -> Played:
        found: list[Played] = []
        for number in range(math.ceil(episodes / batch)):
            life = start(jax.random.key(2 * (seed + number) + 1))
            sort = _group(env, life)
            total, over = jnp.zeros(batch), jnp.zeros(batch, bool)
            while not over.all():
                life, total, over = go(params, life, total, over)
            found.append(Played(np.asarray(total), sort))
        return Played(*(np.concatenate(each)[:episodes] for each in zip(*found, strict=True)))

    return played


def _group(env: Env, life: Life) -> np.ndarray:
    """`[B]`, of which group the running episodes are."""
    task: Any = getattr(env, "task", None)
    return np.asarray(jax.vmap(task.group)(life.world.task)) if groups(task) else np.zeros(env.batch, int)


def mode(run: Run) -> Any:
    """An actor that takes the most likely action in place of a random one."""
    return lambda trace: policy.mode(trace[run.setup.learning.policy])


def _stretch(circuit: Circuit, env: Env, options: Mapping[str, Any]) -> Any:
    """A compiled stretch of decisions that adds up the metric of each environment's first episode."""

    @jax.jit
    def go(params: Params, life: Life, total: jax.Array, over: jax.Array) -> tuple[Life, jax.Array, jax.Array]:
        life, lived = rollout(circuit, env, params, life, STRETCH, **options)

        def add(carry: tuple[jax.Array, jax.Array], moment: Moment) -> tuple[tuple[jax.Array, jax.Array], None]:
            total, over = carry
            return (total + jnp.where(over, 0.0, gain(env, moment)), over | moment.ends), None

        (total, over), _ = jax.lax.scan(add, (total, over), lived)
        return life, total, over

    return go


def means(run: Run, params: Params, names: Sequence[str], decisions: int = 256) -> dict[str, jax.Array]:
    """The mean of every port of some modules over intact behaviour: what a lesioned module sends instead."""
    ports = tuple(p for p in run.circuit.port_names if p.split(".")[0] in names)
    floats = tuple(p for p in ports if jnp.issubdtype(run.circuit.port(p).dtype, jnp.floating))
    env = make_env(run.setup, BATCH)

    @jax.jit
    def collect(key: jax.Array) -> dict[str, jax.Array]:
        life = begin(run.circuit, env, key)
        _, lived = rollout(run.circuit, env, params, life, decisions, probes=floats)
        return {port: lived.trace[port].mean(axis=(0, 1)) for port in floats}

    return collect(jax.random.key(99991))
