"""Config files: composed by Hydra, checked by us."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from agent.config import option, structure
from agent.errors import ConfigError, unknown
from experiments import overrides as changes
from experiments.learning.ppo import PpoConfig

FOLDER = Path(__file__).parent.parent / "configs"
RESERVED = {
    "task": "Swap the task with task=NAME.",
    "batch": "Set learning.environments.",
    **{name: f"Set env.{name}." for name in ("body", "engine", "threads", "devices", "senses")},
}
"""What `envs.make` takes beside the options of a task, and where it is set."""

NO_TASK = "none"
"""The kind of task where a Gymnasium environment brings its own."""


@dataclass(frozen=True)
class EnvConfig:
    """The world apart from its task; or, with an `id`, a Gymnasium environment, which has a task of its own."""

    body: Any = option("roller", "a body's name, or a mapping with its kind and options")
    engine: str = option("auto", "c, mjx, warp, or auto")
    threads: int = option(0, "threads of engine c; 0 for all processors", low=0)
    devices: int = option(1, "JAX devices that share the environments, as far as there are so many", low=1)
    senses: Any = option(None, "names of senses, or a mapping from names to options; None for all")

    id: str = option("", "name of a Gymnasium environment; none for the arena and the machines")
    options: Mapping[str, Any] = field(default_factory=dict, metadata={"help": "for gymnasium.make"})

    def __post_init__(self) -> None:
        if self.id:
            self._check_alone()
        elif self.options:
            raise ConfigError("options: they are a Gymnasium environment's. Name it with env=gymnasium env.id=NAME.")
        if not isinstance(self.body, str | Mapping):
            raise ConfigError(f"body: expected a name such as 'roller', or a mapping with its kind, got {self.body!r}.")
        named = isinstance(self.senses, list | tuple) and all(isinstance(name, str) for name in self.senses)
        configured = isinstance(self.senses, Mapping) and all(isinstance(o, Mapping) for o in self.senses.values())
        if not (self.senses is None or named or configured):
            raise ConfigError(
                f"senses: expected a list such as [retina, touch], or their options, got {self.senses!r}."
            )

    def _check_alone(self) -> None:
        for name, default in (("body", "roller"), ("engine", "auto"), ("threads", 0), ("devices", 1), ("senses", None)):
            if getattr(self, name) != default:
                raise ConfigError(
                    f"{name}: {self.id!r} is a Gymnasium environment, of which it cannot be "
                    f"chosen. Leave env.{name} out."
                )


@dataclass(frozen=True)
class Experiment:
    """Everything that decides what a run computes."""

    agent: Mapping[str, Any] = option(help="modules and wires")
    task: Mapping[str, Any] = option(help="kind and options of the task")
    env: EnvConfig = field(default_factory=EnvConfig)
    learning: PpoConfig = field(default_factory=PpoConfig)
    seed: int = option(0, "of weights, world and noise", low=0, high=2**31 - 1)  # doubled, it still fits 32 bits
    total_decisions: int = option(2_000_000, "decisions of all environments together", low=1)
    checkpoint_every: int = option(20, "updates from one checkpoint to the next", low=1)
    keep: int = option(3, "checkpoints that stay", low=1)

    def __post_init__(self) -> None:
        if "kind" not in self.task:
            raise ConfigError("task: option 'kind' is missing. 'scrubjay tasks' lists the kinds.")
        if self.env.id and dict(self.task) != {"kind": NO_TASK}:
            raise ConfigError(
                f"task: the Gymnasium environment {self.env.id!r} brings its own, but there is {self.task['kind']!r}. "
                "Leave the task out, or choose env=arena."
            )
        for name in sorted({*RESERVED} & {*map(str, self.task)}):
            raise ConfigError(f"task: no task has an option {name!r}. {RESERVED[name]}")
        for port, weight in self.learning.losses.items():
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not math.isfinite(weight):
                raise ConfigError(f"learning.losses.{port}: expected a number as its weight, got {weight!r}.")

    @property
    def world(self) -> str:
        """What is learned, in a word: the task, or the Gymnasium environment."""
        return self.env.id or str(self.task["kind"])

    @property
    def updates(self) -> int:
        """Updates that fit into the decisions, at least one."""
        return max(1, self.total_decisions // (self.learning.environments * self.learning.steps))


def experiment(values: Mapping[str, Any], file: Path | None = None) -> Experiment:
    """The experiment that plain values describe; ConfigError with every complaint, naming the file they stand in."""
    problems: list[str] = []
    made = structure(Experiment, values, "config", problems)
    if made is None:
        named = [p.removeprefix("config.") for p in problems]
        raise ConfigError([f"{file}: {p}" for p in named] if file else named)
    if "policy" in (values.get("learning") or {}):
        return made
    return replace(made, learning=replace(made.learning, policy=f"{_mover(made.agent)}.policy"))


def _mover(agent: Mapping[str, Any]) -> str:
    """The module that moves the body; `motor` where no wire says so, of which building the brain complains."""
    listed = agent.get("wires")
    wires = [str(wire).replace(" ", "") for wire in listed] if isinstance(listed, list | tuple) else []
    return next((w.split(".")[0] for w in wires if w.endswith("->body.action")), "motor")


def composed(overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The plain values of `configs/config.yaml` with `group=choice` and `a.b=value` applied.

    A folder `configs` in the working directory adds choices of its own.
    """
    parsed = changes.parsed(overrides)
    groups = [o for o in parsed if o.key_or_group in known_groups()]
    values = [o for o in parsed if o.key_or_group not in known_groups()]
    for override in groups:
        _check_choice(override)
    for override in values:
        changes.check_group(override, known_groups())
    plain = _compose(groups)
    for override in values:
        changes.apply(plain, override)
    return plain


def _compose(groups: Sequence[Override]) -> dict[str, Any]:
    own = [str(f).replace("\\", "\\\\").replace("'", "\\'") for f in _folders()[1:]]
    search = [f"hydra.searchpath=['file://{folder}']" for folder in own]
    try:
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(FOLDER), version_base="1.3"):
            config = compose("config", [*search, *(str(o.input_line) for o in groups)])
        plain = OmegaConf.to_container(config, resolve=True)
    except (HydraException, OmegaConfBaseException, yaml.YAMLError, OSError, ValueError) as error:
        text = _yaml_text(error) if isinstance(error, yaml.YAMLError) else _first_line(error)
        raise ConfigError(f"configs: {text}. Mend it in {' or '.join(map(str, _folders()))}.") from error
    return {str(k): v for k, v in plain.items()} if isinstance(plain, dict) else {}


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return (lines[0].strip() if lines else type(error).__name__).rstrip(".:")


def read(path: Path) -> dict[str, Any]:
    """A YAML file as plain values; ConfigError with place and remedy where it cannot be read."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {_yaml_text(error)}. Mend the file there.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}. Mend it, or take it from a copy.") from error
    if not isinstance(values, dict):
        found = {list: "a list", type(None): "nothing"}.get(type(values), repr(values))
        raise ConfigError(f"{path}: expected a mapping with lines such as 'seed: 3', got {found}.")
    return values


def choices(group: str) -> list[str]:
    """The names that `group=` can take, from all config folders."""
    return sorted({f.stem for folder in _folders() for f in (folder / group).glob("*.yaml")})


def _folders() -> list[Path]:
    own = Path.cwd() / "configs"
    return [FOLDER] if not own.is_dir() or own.samefile(FOLDER) else [FOLDER, own]


def known_groups() -> list[str]:
    """Names of the groups, `agent/memory` and the like: the folders that hold choices."""
    found = {f.parent.relative_to(folder) for folder in _folders() for f in folder.rglob("*.yaml")}
    return sorted(str(group) for group in found if group != Path())


def _check_choice(override: Override) -> None:
    group, choice = override.key_or_group, override.value()
    if choice not in choices(group):
        raise ConfigError(f"override {group}={choice}: {unknown('choice', choice, choices(group))}")
    ours, *own = [folder / group / f"{choice}.yaml" for folder in _folders()]
    for path in filter(Path.is_file, own):
        read(path)  # alone, a broken file tells the place of what is wrong with it
        if ours.is_file() and path.read_bytes() != ours.read_bytes():
            raise ConfigError(f"{path}: {group}={choice} ships with Scrubjay already. Give your own another name.")


def _yaml_text(error: yaml.YAMLError) -> str:
    """What is wrong in a YAML file, with its place."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    remedy = ". Indent with spaces, not with tabs" if "\\t" in str(problem) else ""
    return f"{where}{str(problem).rstrip('.')}{remedy}"
