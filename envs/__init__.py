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
import numpy as np

import envs._mujoco  # first: the import of MuJoCo itself, which may need help
import envs.bodies
import envs.control
import envs.engines
import envs.senses
import envs.tasks  # noqa: F401  (the folders first: loaded later, they would hide the functions of the same names)
from envs import arena, choice, gym, imperfect, joint, registry, sharded
from envs.anatomy import Anatomy, anatomy
from envs.base import Env, TimeStep
from envs.changes import Changes
from envs.foreign import Foreign
from envs.joint import Joint
from envs.moment import sentences
from envs.physics import CURRENT, Reads
from envs.plant import Plant, load, reads
from envs.registry import EnvError
from envs.world import World

if TYPE_CHECKING:
    from envs.baselines import Baseline

__all__ = [
    "Env",
    "EnvError",
    "Foreign",
    "Joint",
    "Plant",
    "TimeStep",
    "World",
    "baseline",
    "bodies",
    "controls",
    "describe",
    "engines",
    "from_gymnasium",
    "join",
    "make",
    "senses",
    "tasks",
]

_DEFAULT_SENSES = ("retina", "touch", "proprioception", "interoception", "reward", "action")


def tasks() -> dict[str, type[Any]]:
    """All tasks of the arena by name: frozen dataclasses whose fields are the task's options."""
    return registry.kinds("envs.tasks")


def controls() -> dict[str, type[Any]]:
    """All control tasks by name: Gymnasium's machines, without arena, body or senses to choose."""
    return registry.kinds("envs.control")


def bodies() -> dict[str, type[Any]]:
    """All bodies by name."""
    return registry.kinds("envs.bodies")


def describe(body: str | Mapping[str, Any]) -> Anatomy:
    """What a body consists of: its joints, actuators, touch sensors and cameras. `body` is as in `make`."""
    kind = body if isinstance(body, str) else body.get("kind", "roller")
    made, changes = _body(body)
    return anatomy(kind, made, changes.mjcf(made.mjcf()))


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
    devices: int = 1,
    senses: Sequence[str] | Mapping[str, Mapping[str, Any]] | None = None,
    **task_options: Any,
) -> World | Plant:
    """A batch of environments of one task: a `World` in the arena, or the `Plant` of a control task.

    body: a name, or a mapping with `kind` and the body's options; `changes` among them (`envs.changes`) fit any body.
    engine: `auto` (`mjx` on a TPU, else `c`) or one of `engines()`.
    threads: of engine `c`, on each device; 0 takes all processors.
    devices: JAX devices that share the batch, each with simulations of its own; `step` must then be jitted.
    senses: names, or a mapping from names to options (a sense's own, and those of `envs.imperfect`); by default those
        that every task is made for, and `sound` and `sentence` where the task makes or says some.
    Raises EnvError naming what is wrong and what there is instead.
    """
    _check_batch(batch)
    if type(threads) is not int or threads < 0:
        raise EnvError(f"threads is {threads!r}; 0 (all processors) or a positive whole number is wanted.")
    sharded.check(devices, batch)
    if task not in (names := [*registry.names("envs.tasks"), *registry.names("envs.control")]):
        raise registry.unknown("task", task, names)
    if task in registry.names("envs.control"):
        _own_machine(task, body, senses)
        plant = registry.configured(task, registry.kind("envs.control", task), task_options)
        made = _engine(engine, load(plant.xml), [], plant.substeps, threads, devices, reads(plant))
        return Plant(task, plant, made, batch)
    the_task = registry.configured(task, registry.kind("envs.tasks", task), task_options)
    the_body, changes = _body(body)
    if senses is None:
        more = {"sound": _sounds(the_task, the_body), "sentence": bool(sentences(the_task))}
        senses = (*_DEFAULT_SENSES, *(name for name, given in more.items() if given))
    chosen = senses if isinstance(senses, Mapping) else {name: {} for name in senses}
    the_senses = [imperfect.sense(name, given) for name, given in chosen.items()]
    choice.engine(engine)  # complains before anything is compiled
    model = arena.compiled(changes.mjcf(the_body.mjcf()), the_task.parts, visual=False)
    made = _engine(engine, model, arena.part_names(the_task.parts), arena.substeps(model), threads, devices)
    return World(task, the_task, the_body, the_senses, made, batch, changes)


def join(
    tasks: Mapping[str, Mapping[str, Any]],
    *,
    batch: int,
    worth: Mapping[str, float] | None = None,
    senses: Sequence[str] | Mapping[str, Mapping[str, Any]] | None = None,
    **world: Any,
) -> Joint:
    """Several tasks of the arena in one batch, in shares as equal as can be, for one body and one brain.

    tasks: names, each with the task's options. worth: what a unit of reward counts, where it is not 1.
    senses and all others: as in `make`. Raises EnvError as that does, and where the batch is too small to be shared.
    """
    _check_batch(batch)
    joint.check(tasks, worth or {}, batch)
    made = {name: registry.configured(name, registry.kind("envs.tasks", name), o) for name, o in tasks.items()}
    if senses is None:
        talk = {name: dict(tasks[name]) for name, task in made.items() if sentences(task)}
        senses = {name: {} for name in _DEFAULT_SENSES} | ({"sentence": {"tasks": talk}} if talk else {})
    shares = [len(part) for part in np.array_split(np.arange(batch), len(tasks))]
    worlds = {
        name: make(name, batch=share, senses=senses, **world, **options)
        for share, (name, options) in zip(shares, tasks.items(), strict=True)
    }
    return Joint(worlds, worth or {})  # type: ignore[arg-type]  # tasks of the arena alone got here


def from_gymnasium(id: str, *, batch: int = 1, **options: Any) -> Foreign:
    """A batch of any Gymnasium environment, by the name and options that `gymnasium.make` takes.

    Raises EnvError where there is none of that name, or where its spaces cannot become ports (`envs.spaces`).
    """
    _check_batch(batch)
    return Foreign(id, batch, options)


def _check_batch(batch: Any) -> None:
    if type(batch) is not int or batch < 1:
        raise EnvError(f"batch is {batch!r}; a positive whole number of environments is wanted, for example 256.")


def _body(named: str | Mapping[str, Any]) -> tuple[Any, Changes]:
    """A body and its changes from a name, or from a mapping with its kind and options."""
    options = {"kind": named} if isinstance(named, str) else dict(named)
    kind, changes = options.pop("kind", "roller"), options.pop("changes", {})
    if not isinstance(changes, Mapping):
        raise EnvError(f"env.body.changes is {changes!r}; a mapping such as {{mass: 1.5, delay: 1}} is wanted.")
    body = registry.configured(kind, registry.kind("envs.bodies", kind), options)
    return body, registry.configured("changes", Changes, changes)


def _engine(
    name: str, model: Any, parts: list[str], substeps: int, threads: int, devices: int, reads: Reads = CURRENT
) -> Any:
    made = choice.engine(name)(model, parts, substeps, sharded.threads_each(threads, devices), reads)
    return sharded.spread(made, devices)


def _own_machine(name: str, body: Any, senses: Any) -> None:
    """A control task is a machine of its own, so body and senses must be left alone."""
    for what, given, default in (("body", body, "roller"), ("senses", senses, None)):
        if given != default:
            raise EnvError(
                f"task {name!r} brings its own machine: {what} is {given!r}, but cannot be chosen. Leave it out."
            )


def _sounds(task: Any, body: Any) -> bool:
    """Whether there is anything to hear in a task."""
    scene = jax.eval_shape(lambda key: task.scene(task.reset(key, body)[0]), jax.random.key(0))
    return scene.sounds is not None


gym.register()
