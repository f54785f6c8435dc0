"""A run: one directory from which an agent acts, goes on learning, or is looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

import jax
import yaml

import agent
import envs
from agent.config import plain
from agent.errors import ConfigError, WiringError
from agent.ports import Port, Ports
from agent.registry import kind_of
from agent.wires import BODY
from envs import joint, sharded
from envs.imperfect import bare, imperfections
from envs.moment import Sense
from envs.registry import name_of
from experiments import overrides as changes
from experiments.checkpoint import Checkpoints
from experiments.config import NO_TASK, Experiment, experiment, read
from experiments.draw import write_graph
from experiments.errors import RunError
from experiments.folder import lock, make_room, nearby, write
from experiments.learning.ppo import Learner, Ppo
from experiments.provenance import circumstances

AnyWorld = envs.World | envs.Plant | envs.Foreign | envs.Joint


def ports(env: envs.Env) -> tuple[Ports, Port]:
    """A world's senses and action as ports: what `agent.build` wants to know of it."""
    senses = {}
    for name, space in env.observation_space.items():
        shape = tuple(space.shape or ())
        meaning = (
            "index" if space.dtype is not None and space.dtype.kind in "iu" else "image" if len(shape) > 1 else "rate"
        )
        senses[name] = Port(shape, meaning, str(space.dtype), labels=getattr(env, "labels", {}).get(name, ()))
    return Ports(senses), Port(tuple(env.action_space.shape), "action")


def make_env(setup: Experiment, batch: int) -> AnyWorld:
    """The world of an experiment, `batch` of it side by side."""
    if setup.env.id:
        return envs.from_gymnasium(setup.env.id, batch=batch, **setup.env.options)
    task = dict(setup.task)
    if task["kind"] == NO_TASK:
        raise ConfigError("env.id is missing. Name a Gymnasium environment, such as env.id=HalfCheetah-v5, or a task.")
    world = {"body": setup.env.body, "engine": setup.env.engine, "threads": setup.env.threads}
    world["devices"] = sharded.most(setup.env.devices, batch)
    if setup.env.senses is not None:
        world["senses"] = setup.env.senses
    kind = task.pop("kind")
    return (
        envs.join(batch=batch, **world, **task) if kind == joint.KIND else envs.make(kind, batch=batch, **world, **task)
    )


@dataclass(frozen=True, eq=False)
class Run:
    """A run directory: config.yaml, environment.json, graph.*, metrics.csv, checkpoints/, events for TensorBoard."""

    path: Path
    setup: Experiment
    trained: Run | None = None  # whose weights these are, where the world is another than that of training

    @cached_property
    def env(self) -> AnyWorld:
        return make_env(self.setup, self.setup.learning.environments)

    @cached_property
    def circuit(self) -> agent.Circuit:
        return agent.build(self.setup.agent, *ports(self.env))

    @cached_property
    def ppo(self) -> Ppo:
        """The learning algorithm, with the ports that it needs checked."""
        config = self.setup.learning
        self.circuit.check_ports([config.policy, config.value, *config.losses], "learning")
        self._check_shape(
            "policy", config.policy, (2 * self.env.action_space.shape[0],), "a mean and a deviation per action"
        )
        self._check_shape("value", config.value, (), "one number")
        for port in config.losses:
            self._check_shape("losses", port, (), "one number")
        return Ppo(config, self.circuit, self.env, self.setup.updates)

    @cached_property
    def checkpoints(self) -> Checkpoints:
        return Checkpoints(self.path / "checkpoints", self.setup.keep)

    def _check_shape(self, option: str, name: str, shape: tuple[int, ...], what: str) -> None:
        port = self.circuit.port(name)
        if port.shape != shape or port.dtype != "float32":
            raise WiringError(
                f"learning.{option}: {name!r} sends {port}, but {what} is wanted, {list(shape)}. Name another port."
            )

    def learner(self, updates: int | None = None) -> Learner:
        """What a checkpoint holds, the newest if none is named."""
        source = self.trained or self  # what a checkpoint holds depends on the world and its engine
        shapes = jax.eval_shape(source.ppo.init, jax.random.key(0))
        return self.checkpoints.load(shapes, updates, self.circuit.digests)

    def lock(self) -> TextIO:
        """Keeps other processes from training in this directory while the returned file is open."""
        return lock(self.path)


def create(path: Path, values: Mapping[str, Any], fresh: bool = False) -> Run:
    """A new run directory for plain config values; everything is checked before anything is written."""
    run = Run(path, experiment(values))
    run.ppo  # noqa: B018 -- complain before the directory is there
    text = yaml.safe_dump(resolved(run), sort_keys=False, allow_unicode=True)
    try:
        make_room(path, fresh)
        path.mkdir(parents=True, exist_ok=True)
        write(path / "config.yaml", text)  # first: from here on, a run that was killed goes on with --resume
        describe(run)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error}. Choose another directory or make room.") from error
    return run


def describe(run: Run) -> None:
    """Writes what a run directory holds for its readers, unless it is there."""
    if not (run.path / "environment.json").exists():
        write_graph(run.circuit, run.path / "graph.svg")
        write_graph(run.circuit, run.path / "graph.json")
        write(run.path / "environment.json", json.dumps(circumstances(), indent=2) + "\n")


def load(path: str | Path) -> Run:
    """A run from its directory alone. RunError where there is none."""
    path = Path(path)
    if not path.is_dir():
        raise RunError(f"no run at {path}: there is no such directory.{nearby(path)}")
    file = path / "config.yaml"
    if not file.is_file():
        raise RunError(f"{path} is not a run: it has no config.yaml.{nearby(path)}")
    return Run(path, experiment(read(file), file))


def lengthened(run: Run, overrides: Sequence[str]) -> Run:
    """The run with more decisions to go, `total_decisions=10_000_000`, also in its directory; itself without any.

    The learning rate then falls from what the new length makes of it. RunError for anything else, or for fewer than
    were lived already.
    """
    if not overrides:
        return run
    values = dict(read(run.path / "config.yaml"))
    for override in changes.parsed(overrides):
        if override.key_or_group != "total_decisions":
            raise RunError(
                f"{override.input_line}: --resume goes on with the run's own config; total_decisions alone can be set."
            )
        changes.apply(values, override)
    with run.lock():
        longer = Run(run.path, experiment(values, run.path / "config.yaml"))
        done = run.checkpoints.latest() or 0
        if longer.setup.updates < done:
            lived = done * longer.setup.learning.environments * longer.setup.learning.steps
            raise RunError(f"{overrides[-1]}: {run.path} has lived {lived:,} decisions already. Name more than these.")
        write(run.path / "config.yaml", yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
    return longer


def resolved(run: Run) -> dict[str, Any]:
    """The whole config with every default written out, so that later defaults do not change the run."""
    circuit, setup, env = run.circuit, run.setup, run.env
    modules = {name: {"kind": kind_of(config), **plain(config)} for name, config in circuit.modules.items()}
    values = plain(setup)
    if isinstance(env, envs.Joint):
        tasks = {name: plain(world.task) for name, world in env.worlds.items()}
        values["task"] = {"kind": joint.KIND, "tasks": tasks, "worth": env.worth}
        env = next(iter(env.worlds.values()))
    elif not isinstance(env, envs.Foreign):
        values["task"] = {"kind": setup.task["kind"], **plain(env.task)}
    if isinstance(env, envs.World):
        values["env"]["body"] = {"kind": name_of(env.body), **plain(env.body), "changes": plain(env.changes)}
        values["env"]["senses"] = dict(map(_options, env.senses))
    values["agent"] = {
        "modules": {name: modules[name] for name in setup.agent["modules"]},
        "wires": [str(w) for w in circuit.wires],
        "body": {name: list(port.shape) for name, port in circuit.outputs[BODY].items()},
        "action": list(env.action_space.shape),
    }
    return values


def _options(sense: Sense) -> tuple[str, dict[str, Any]]:
    """A sense's name and options, those of its imperfections among them if it has any."""
    own = bare(sense)
    return name_of(own), {**plain(own), **imperfections(sense)}
