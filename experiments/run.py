"""A run: one directory from which an agent acts, goes on learning, or is looked at."""

from __future__ import annotations

import difflib
import fcntl
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TextIO

import jax
import yaml

import agent
import envs
from agent.config import plain
from agent.errors import ConfigError, WiringError
from agent.module import DECISION_SECONDS
from agent.ports import Port, Ports
from agent.registry import kind_of
from agent.wires import BODY
from experiments.checkpoint import Checkpoints
from experiments.config import Experiment, experiment, read
from experiments.draw import write_graph
from experiments.errors import RunError
from experiments.learning.ppo import Learner, Ppo

PARTS = (
    "config.yaml",
    "environment.json",
    "graph.svg",
    "graph.json",
    "metrics.csv",
    "events",
    "checkpoints",
    "watch.html",
)
"""What training and `scrubjay watch` write into a run directory; --fresh deletes nothing else."""
PACKAGES = (
    "scrubjay",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "mujoco",
    "mujoco-mjx",
    "gymnasium",
    "numpy",
    "orbax-checkpoint",
)


def ports(env: envs.Env) -> tuple[Ports, Port]:
    """A world's senses and action as ports: what `agent.build` wants to know of it."""
    senses = {}
    for name, space in env.observation_space.items():
        shape = tuple(space.shape or ())
        meaning = (
            "index" if space.dtype is not None and space.dtype.kind in "iu" else "image" if len(shape) > 1 else "rate"
        )
        senses[name] = Port(shape, meaning, str(space.dtype))
    return Ports(senses), Port(tuple(env.action_space.shape), "action")


def make_env(setup: Experiment, batch: int) -> envs.World:
    """The world of an experiment, `batch` of it side by side."""
    task = dict(setup.task)
    world = {"body": setup.env.body, "engine": setup.env.engine, "threads": setup.env.threads}
    if setup.env.senses is not None:
        world["senses"] = setup.env.senses
    return envs.make(task.pop("kind"), batch=batch, **world, **task)


@dataclass(frozen=True, eq=False)
class Run:
    """A run directory: config.yaml, environment.json, graph.*, metrics.csv, checkpoints/, events for TensorBoard."""

    path: Path
    setup: Experiment

    @cached_property
    def env(self) -> envs.World:
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
                f"learning.{option}: {name!r} sends {port}, but {what} is wanted there, {list(shape)}. Name another port."
            )

    def learner(self, updates: int | None = None) -> Learner:
        """What a checkpoint holds, the newest if none is named."""
        shapes = jax.eval_shape(self.ppo.init, jax.random.key(0))
        return self.checkpoints.load(shapes, updates)

    def lock(self) -> TextIO:
        """Keeps other processes from training in this directory while the returned file is open."""
        return lock(self.path)


def lock(path: Path) -> TextIO:
    """Takes the lock of a run directory, or raises RunError where another training holds it."""
    try:
        file = (path / ".lock").open("w")
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error}. Choose another --run, or allow writing there.") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise RunError(f"{path} is in use by another training. Wait for it, or choose another --run.") from error
    return file


def create(path: Path, values: Mapping[str, Any], fresh: bool = False) -> Run:
    """A new run directory for plain config values; everything is checked before anything is written."""
    run = Run(path, experiment(values))
    run.ppo  # noqa: B018 -- complain before the directory is there
    text = yaml.safe_dump(resolved(run), sort_keys=False, allow_unicode=True)
    try:
        _make_room(path, fresh)
        path.mkdir(parents=True, exist_ok=True)
        write(path / "config.yaml", text)  # first: from here on, a run that was killed goes on with --resume
        describe(run)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error}. Choose another directory or make room.") from error
    return run


def describe(run: Run) -> None:
    """Writes what a run directory holds for its readers, where it is not there yet."""
    for name in ("graph.svg", "graph.json"):
        if not (run.path / name).exists():
            write_graph(run.circuit, run.path / name)
    if not (run.path / "environment.json").exists():
        write(run.path / "environment.json", json.dumps(circumstances(), indent=2) + "\n")


def _make_room(path: Path, fresh: bool) -> None:
    """Refuses a directory that holds anything; with `fresh`, deletes an older run in it, and nothing but that."""
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file. Name a directory for the run.")
    found = {p.name for p in path.iterdir()} if path.is_dir() else set()
    if found <= {f".{name}.part" for name in PARTS}:
        return  # nothing, or a run that was killed while it began
    if not _holds_run(path):
        raise RunError(f"{path} is not empty and holds no run. Choose another directory with --run.")
    if not fresh:
        raise RunError(
            f"{path} holds a run already. Go on with --resume {path}, start over with --fresh, or choose another."
        )
    with lock(path):
        for name in reversed(PARTS):  # config.yaml last: until then this is a run, and can be started over
            part = path / name
            shutil.rmtree(part) if part.is_dir() and not part.is_symlink() else part.unlink(missing_ok=True)


def _holds_run(path: Path) -> bool:
    """Whether the directory's config.yaml is one of ours, and not that of some other program."""
    try:
        return {"agent", "task", "learning"} <= read(path / "config.yaml").keys()
    except ConfigError:
        return (path / "checkpoints").is_dir() and (path / "config.yaml").is_file()


def load(path: str | Path) -> Run:
    """A run from its directory alone. RunError where there is none."""
    path = Path(path)
    if not path.is_dir():
        raise RunError(f"no run at {path}: there is no such directory.{_nearby(path)}")
    file = path / "config.yaml"
    if not file.is_file():
        raise RunError(
            f"{path} is not a run: it has no config.yaml. 'scrubjay train --run DIR' makes one.{_nearby(path)}"
        )
    return Run(path, experiment(read(file), file))


def _nearby(path: Path) -> str:
    """The runs beside or in a path, the nearest name first."""
    folders = [path] if path.is_dir() else [path.parent, Path("runs")]
    found = sorted({str(p.parent) for folder in folders for p in folder.glob("*/config.yaml")})
    near = difflib.get_close_matches(str(path), found, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"{hint} Runs there: {', '.join(found[:8])}." if found else " 'scrubjay train' makes one."


def resolved(run: Run) -> dict[str, Any]:
    """The whole config with every default written out, so that later defaults do not change the run."""
    circuit, setup, env = run.circuit, run.setup, run.env
    modules = {name: {"kind": kind_of(config), **plain(config)} for name, config in circuit.modules.items()}
    values = plain(setup)
    values["task"] = {"kind": setup.task["kind"], **plain(env.task)}
    values["env"]["body"] = {"kind": _file(env.body), **plain(env.body)}
    values["env"]["senses"] = {_file(sense): plain(sense) for sense in env.senses}
    values["agent"] = {
        "modules": {name: modules[name] for name in setup.agent["modules"]},
        "wires": [str(w) for w in circuit.wires],
        "body": {name: list(port.shape) for name, port in circuit.outputs[BODY].items()},
        "action": list(env.action_space.shape),
    }
    return values


def _file(thing: Any) -> str:
    """The name of a body or sense: that of the file which holds its class."""
    return type(thing).__module__.rpartition(".")[2]


def circumstances() -> dict[str, Any]:
    """Code version and machine: what one needs to know to get the same numbers again."""
    return {
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "commit": _commit(),
        "packages": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "devices": [str(d) for d in jax.devices()],
        "decision_seconds": DECISION_SECONDS,
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    """The commit of the checkout, with a `+` where it has changes; empty outside of one."""
    here = Path(__file__).parent
    git = ["git", "-C", str(here)]
    try:
        commit = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        status = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit.stdout.strip() + ("+" if status.stdout.strip() else "")


def write(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
