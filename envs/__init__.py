"""Worlds: `envs.make("forage", batch=256)` gives a batch of environments, pure and jittable.

    env = envs.make("forage", batch=256)
    state, step = env.reset(jax.random.key(0))
    state, step = jax.jit(env.step)(state, actions)

A new task, body, sense or engine is one new file in `envs/tasks/`, `bodies/`, `senses/` or `engines/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax

import envs.bodies
import envs.engines
import envs.senses
import envs.tasks  # noqa: F401  (the folders first: loaded later, they would hide the functions of the same names)
from envs import arena, gym, imperfect, registry
from envs.base import Env, TimeStep
from envs.physics import Engine
from envs.registry import EnvError
from envs.world import World

if TYPE_CHECKING:
    from envs.baselines import Baseline

__all__ = ["Env", "EnvError", "TimeStep", "World", "baseline", "bodies", "engines", "make", "senses", "tasks"]

_DEFAULT_SENSES = ("retina", "touch", "proprioception", "interoception", "reward", "action")


def tasks() -> dict[str, type[Any]]:
    """All tasks by name: frozen dataclasses whose fields are the task's options."""
    return registry.kinds("envs.tasks")


def bodies() -> dict[str, type[Any]]:
    """All bodies by name."""
    return registry.kinds("envs.bodies")


def senses() -> dict[str, type[Any]]:
    """All senses by name."""
    return registry.kinds("envs.senses")


def engines() -> list[str]:
    """Names of all engines (an engine is imported only when it is used)."""
    return registry.names("envs.engines")


def baseline(task: str) -> Baseline:
    """What nothing and what everything gets on a task with its default options: the 0 and the 1 of a score."""
    from envs.baselines import baseline as stored

    return stored(task)


def make(
    task: str,
    *,
    body: str | Mapping[str, Any] = "roller",
    engine: str = "auto",
    batch: int = 1,
    threads: int = 0,
    senses: Sequence[str] | Mapping[str, Mapping[str, Any]] | None = None,
    **task_options: Any,
) -> World:
    """A batch of environments of one task.

    body: a name, or a mapping with `kind` and the body's options.
    engine: `auto` (`mjx` on a TPU, else `c`) or one of `engines()`.
    threads: of engine `c`; 0 takes all processors.
    senses: names, or a mapping from names to options (a sense's own, and those of `envs.imperfect`); by default those
        that every task is made for, and `sound` where the task makes some.
    Raises EnvError naming what is wrong and what there is instead.
    """
    if type(batch) is not int or batch < 1:
        raise EnvError(f"batch is {batch!r}; a positive whole number of environments is wanted, for example 256.")
    if type(threads) is not int or threads < 0:
        raise EnvError(f"threads is {threads!r}; 0 (all processors) or a positive whole number is wanted.")
    the_task = registry.configured(task, registry.kind("envs.tasks", task), task_options)
    options = {"kind": body} if isinstance(body, str) else dict(body)
    kind = options.pop("kind", "roller")
    the_body = registry.configured(kind, registry.kind("envs.bodies", kind), options)
    if senses is None:
        senses = (*_DEFAULT_SENSES, "sound") if _sounds(the_task, the_body) else _DEFAULT_SENSES
    chosen = senses if isinstance(senses, Mapping) else {name: {} for name in senses}
    the_senses = [imperfect.sense(name, given) for name, given in chosen.items()]
    return World(task, the_task, the_body, the_senses, _engine(engine, the_task, the_body, threads), batch)


def _sounds(task: Any, body: Any) -> bool:
    """Whether there is anything to hear in a task."""
    scene = jax.eval_shape(lambda key: task.scene(task.reset(key, body)[0]), jax.random.key(0))
    return scene.sounds is not None


def _engine(name: str, task: Any, body: Any, threads: int) -> Engine:
    if name not in ("auto", *engines()):
        raise registry.unknown("engine", name, ["auto", *engines()])
    if name == "auto":
        name = "mjx" if jax.default_backend() == "tpu" else "c"
    model = arena.compiled(body.mjcf(), task.parts, visual=False)
    return registry.kind("envs.engines", name)(model, arena.part_names(task.parts), arena.SUBSTEPS, threads)


gym.register()
