"""A run: one directory from which an agent acts, goes on learning, or is looked at."""

from __future__ import annotations

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
from agent.module import DECISION_SECONDS
from agent.ports import Port, Ports
from agent.registry import kind_of
from agent.wires import BODY
from experiments.checkpoint import Checkpoints
from experiments.config import Experiment, experiment, read
from experiments.draw import write_graph
from experiments.errors import RunError
from experiments.learning.ppo import Learner, Ppo

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
        return Ppo(config, self.circuit, self.env, self.setup.updates)

    @cached_property
    def checkpoints(self) -> Checkpoints:
        return Checkpoints(self.path / "checkpoints", self.setup.keep)

    def learner(self, updates: int | None = None) -> Learner:
        """What a checkpoint holds, the newest if none is named."""
        shapes = jax.eval_shape(self.ppo.init, jax.random.key(0))
        return self.checkpoints.load(shapes, updates)

    def lock(self) -> TextIO:
        """Keeps other processes from training in this directory while the returned file is open."""
        file = (self.path / ".lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise RunError(
                f"{self.path} is in use by another training. Wait for it, or choose another --run."
            ) from error
        return file


def create(path: Path, values: Mapping[str, Any], fresh: bool = False) -> Run:
    """A new run directory for plain config values; everything is checked before anything is written."""
    run = Run(path, experiment(values))
    run.ppo  # noqa: B018 -- complain before the directory is there
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file. Name a directory for the run.")
    if path.is_dir() and any(path.iterdir()):
        if not (path / "config.yaml").is_file():
            raise RunError(f"{path} is not empty and holds no run. Choose another directory.")
        if not fresh:
            raise RunError(
                f"{path} holds a run already. Go on with --resume {path}, start over with --fresh, or choose another."
            )
        shutil.rmtree(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        write_graph(run.circuit, path / "graph.svg")
        write_graph(run.circuit, path / "graph.json")
        write(path / "environment.json", json.dumps(circumstances(), indent=2) + "\n")
        write(path / "config.yaml", yaml.safe_dump(resolved(run), sort_keys=False, allow_unicode=True))
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error}. Choose another directory or make room.") from error
    return run


def load(path: str | Path) -> Run:
    """A run from its directory alone. RunError where there is none."""
    path = Path(path)
    if not path.is_dir():
        raise RunError(f"no run at {path}: there is no such directory.{_nearby(path)}")
    if not (path / "config.yaml").is_file():
        raise RunError(f"{path} is not a run: it has no config.yaml. 'scrubjay train --run {path}' makes one.")
    values = read(path / "config.yaml")
    values.pop("version", None)
    return Run(path, experiment(values))


def _nearby(path: Path) -> str:
    folder = path.parent if path.parent.is_dir() else Path("runs")
    found = sorted(str(p.parent) for p in folder.glob("*/config.yaml")) if folder.is_dir() else []
    return f" Runs there: {', '.join(found[:8])}." if found else ""


def resolved(run: Run) -> dict[str, Any]:
    """The whole config with every default written out, so that later defaults do not change the run."""
    circuit, setup = run.circuit, run.setup
    modules = {name: {"kind": kind_of(config), **plain(config)} for name, config in circuit.modules.items()}
    senses, action = circuit.outputs[BODY], run.env.action_space.shape
    values = plain(setup)
    values["agent"] = {
        "modules": {name: modules[name] for name in setup.agent["modules"]},
        "wires": [str(w) for w in circuit.wires],
        "body": {name: list(port.shape) for name, port in senses.items()},
        "action": list(action),
    }
    return values


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
