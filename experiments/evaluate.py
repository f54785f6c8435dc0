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
from envs.baselines import Baseline, baseline
from envs.measures import measures, recorded, resampled
from envs.moment import groups
from envs.world import World, select
from experiments.altered import altered, apart
from experiments.learning.rollout import Life, begin, decide, rollout
from experiments.run import Run, make_env
from experiments.scores import Part, Score, between, interval
from experiments.swap import swapped
from experiments.wipe import Wipe, parse_wipe, wiped

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
    wipes: Sequence[str] = (),
) -> dict[str, Score]:
    """The score per task of a run's newest checkpoint, or of another one; a joint run has several tasks.

    A lesion replaces all that a module sends, or one port (`module.port`), by its mean over intact episodes. A wipe,
    `module@2` or `module@each`, sets a module's state back when trial 2, or each one after the first, begins. `engine`
    names another physics engine than that of the run. `swap` puts `.nir` files in the place of modules, `{module:
    path}`. `overrides` set the world anew, `["task.split=pairs"]`, as far as the brain stays what it is.
    """
    run = altered(run, overrides)
    options = {"lesions": lesions, "deterministic": deterministic, "checkpoint": checkpoint, "engine": engine}
    options |= {"swap": swap, "wipes": wipes}
    return {name: _evaluated(each, episodes, **options) for name, each in apart(run).items()}


def _evaluated(
    run: Run,
    episodes: int,
    lesions: Sequence[str],
    deterministic: bool,
    checkpoint: int | None,
    engine: str,
    swap: Mapping[str, str] | None,
    wipes: Sequence[str],
) -> Score:
    """As `evaluate`, for a run of one task."""
    for name in lesions:
        what, known = ("port", run.circuit.port_names) if "." in name else ("module", run.circuit.modules)
        if name not in known:
            raise ConfigError(f"--lesion {name}: {unknown(what, name, known)}")
    forgotten = [parse_wipe(text, run) for text in wipes]
    ends = scale(run)  # complains before the work
    run = on_engine(run, engine)  # complains too
    params = run.learner(checkpoint).params
    if swap:
        run, params = swapped(run, params, swap)
    params = run.circuit.whole(params, run.circuit.frozen)
    clamp = means(run, params, lesions) if lesions else {}
    played = play(run, params, episodes, clamp=clamp, deterministic=deterministic, wipes=forgotten)
    (low, high), mean = interval(played.values), float(played.values.mean())
    measured = measure(run, played)
    if metric(run.env) in measured:
        mean, low, high, _ = measured[metric(run.env)]
    more: dict[str, Any] = {"lesions": (*lesions, *wipes), "metric": metric(run.env)}
    more |= {"groups": parts(run, played), "measures": measured}
    if ends is None or math.isnan(mean):
        return Score(None, low, high, mean, None, None, len(played.values), **more)
    score, low, high = (float(ends.score(x)) for x in (mean, low, high))
    return Score(score, low, high, mean, ends.null, ends.oracle, len(played.values), **more)


def scale(run: Run) -> Baseline | None:
    """The ends of the task's scale; none for a machine, a Gymnasium environment, or options that it does not fit.

    A task says so by `comparable`, false where its stored baseline is that of another experiment.
    """
    if not isinstance(run.env, World):
        return None
    ends = baseline(run.setup.world)
    return ends if getattr(run.env.task, "comparable", True) else None


def measure(run: Run, played: Played) -> dict[str, Part]:
    """What else the task makes of the episodes, each with a 95 % bootstrap interval over them."""
    task, number = getattr(run.env, "task", None), len(played.values)
    spread = resampled(task, played.record)
    return {n: Part(value, *between(spread[n]), number) for n, value in measures(task, played.record).items()}


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
    record: dict[str, np.ndarray] = {}  # [E, ...], what the task records of each (`envs.measures`)


def play(
    run: Run,
    params: Params,
    episodes: int,
    *,
    clamp: Mapping[str, jax.Array] | None = None,
    deterministic: bool = True,
    seed: int = 0,
    wipes: Sequence[Wipe] = (),
) -> Played:
    """So many first episodes, one per environment, on test seeds: these are odd; training seeds are even."""
    return player(run, episodes, deterministic=deterministic, seed=seed, wipes=wipes)(params, clamp or {})


def player(
    run: Run,
    episodes: int,
    *,
    deterministic: bool = True,
    seed: int = 0,
    wipes: Sequence[Wipe] = (),
) -> Callable[..., Played]:
    """As `play`, a function `(params, clamp) -> Played` for several weights of one brain: compiled once."""
    batch = min(episodes, BATCH)
    env = make_env(run.setup, batch)
    options: dict[str, Any] = {"actor": mode(run) if deterministic else None}
    if deterministic:
        options["probes"] = (run.setup.learning.policy,)
    start = jax.jit(lambda key: begin(run.circuit, env, key))
    go = _stretch(run.circuit, env, options, wipes)

    def played(params: Params, clamp: Mapping[str, jax.Array] = {}) -> Played:
        found: list[Played] = []
        for number in range(math.ceil(episodes / batch)):
            life = start(jax.random.key(2 * (seed + number) + 1))
            sort = _group(env, life)
            tally = Tally(jnp.zeros(batch), jnp.zeros(batch, bool), _record(env, life), jnp.ones(batch, jnp.int32))
            while not tally.over.all():
                life, tally = go(params, clamp, life, tally)
            found.append(Played(np.asarray(tally.total), sort, jax.device_get(tally.record)))
        return jax.tree.map(lambda *each: np.concatenate(each)[:episodes], *found)

    return played


def _group(env: Env, life: Life) -> np.ndarray:
    """`[B]`, of which group the running episodes are."""
    task: Any = getattr(env, "task", None)
    return np.asarray(jax.vmap(task.group)(life.world.task)) if groups(task) else np.zeros(env.batch, int)


def mode(run: Run) -> Any:
    """An actor that takes the most likely action in place of a random one."""
    return lambda trace: policy.mode(trace[run.setup.learning.policy])


class Tally(NamedTuple):
    """The first episode of each environment, as far as it has come."""

    total: jax.Array  # [B], of the metric
    over: jax.Array  # [B] bool
    record: dict[str, jax.Array]  # [B, ...]
    trial: jax.Array  # [B] int32, which ran last


def _record(env: Env, life: Life) -> dict[str, jax.Array]:
    task = getattr(env, "task", None)
    return recorded(task, life.world.task) if task is not None and hasattr(life.world, "task") else {}


def _stretch(circuit: Circuit, env: Env, options: Mapping[str, Any], wipes: Sequence[Wipe]) -> Any:
    """A compiled stretch of decisions that tallies each environment's first episode."""

    def one(params: Params, clamp: Mapping[str, jax.Array], life: Life, tally: Tally) -> tuple[Life, Tally]:
        if wipes:
            now = jax.vmap(env.task.trial)(life.world.task)  # type: ignore[attr-defined]
            life, tally = wiped(circuit, life, wipes, now, tally.trial), tally._replace(trial=now)
        life, moment = decide(circuit, env, params, life, clamp=clamp, **options)
        total = tally.total + jnp.where(tally.over, 0.0, gain(env, moment))
        record = select(tally.over, tally.record, _record(env, life))
        return life, Tally(total, tally.over | moment.ends, record, tally.trial)

    @jax.jit
    def go(params: Params, clamp: Mapping[str, jax.Array], life: Life, tally: Tally) -> tuple[Life, Tally]:
        return jax.lax.scan(lambda now, _: (one(params, clamp, *now), None), (life, tally), None, length=STRETCH)[0]

    return go


def means(run: Run, params: Params, names: Sequence[str], decisions: int = 256) -> dict[str, jax.Array]:
    """The mean of some ports, or of all those of some modules, over intact behaviour: what is sent in a lesion."""
    ports = tuple(p for p in run.circuit.port_names if p in names or p.split(".")[0] in names)
    floats = tuple(p for p in ports if jnp.issubdtype(run.circuit.port(p).dtype, jnp.floating))
    env = make_env(run.setup, BATCH)

    @jax.jit
    def collect(params: Params, key: jax.Array) -> dict[str, jax.Array]:
        life = begin(run.circuit, env, key)
        _, lived = rollout(run.circuit, env, params, life, decisions, probes=floats)
        return {port: lived.trace[port].mean(axis=(0, 1)) for port in floats}

    return collect(params, jax.random.key(99991))
