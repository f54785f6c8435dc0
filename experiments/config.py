"""Config files: composed by Hydra, checked by us."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from agent.config import option, structure
from agent.errors import ConfigError, unknown
from experiments.learning.ppo import PpoConfig

FOLDER = Path(__file__).parent.parent / "configs"


@dataclass(frozen=True)
class EnvConfig:
    """The world apart from its task."""

    body: Any = option("roller", "a body's name, or a mapping with its kind and options")
    engine: str = option("auto", "c, mjx, or auto")
    threads: int = option(0, "threads of engine c; 0 for all processors", low=0)
    senses: Any = option(None, "names of senses, or a mapping from names to options; None for all")


@dataclass(frozen=True)
class Experiment:
    """Everything that decides what a run computes."""

    agent: Mapping[str, Any] = option(help="modules and wires")
    task: Mapping[str, Any] = option(help="kind and options of the task")
    env: EnvConfig = field(default_factory=EnvConfig)
    learning: PpoConfig = field(default_factory=PpoConfig)
    seed: int = option(0, "of weights, world and noise", low=0)
    total_decisions: int = option(2_000_000, "decisions of all environments together", low=1)
    checkpoint_every: int = option(20, "updates from one checkpoint to the next", low=1)
    keep: int = option(3, "checkpoints that stay", low=1)

    def __post_init__(self) -> None:
        if "kind" not in self.task:
            raise ValueError("task: option 'kind' is missing. 'scrubjay tasks' lists them.")

    @property
    def updates(self) -> int:
        """Updates that fit into the decisions, at least one."""
        return max(1, self.total_decisions // (self.learning.environments * self.learning.steps))


def experiment(values: Mapping[str, Any]) -> Experiment:
    """The experiment that plain values describe; ConfigError with every complaint."""
    problems: list[str] = []
    made = structure(Experiment, values, "config", problems)
    if made is None:
        raise ConfigError([p.replace("config.", "", 1) for p in problems])
    return made


def composed(overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The plain values of `configs/config.yaml` with `group=choice` and `a.b=value` applied.

    A folder `configs` in the working directory adds choices of its own.
    """
    parsed = _parsed(overrides)
    groups = [o for o in parsed if _is_group(o)]
    values = [o for o in parsed if not _is_group(o)]
    for override in groups:
        _check_choice(override)
    try:
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(FOLDER), version_base="1.3"):
            search = [f"hydra.searchpath=[{','.join(f'file://{f}' for f in _folders()[1:])}]"] if len(_folders()) > 1 else []
            config = compose("config", [*search, *(str(o.input_line) for o in groups)])
        plain = OmegaConf.to_container(config, resolve=True)
    except yaml.YAMLError as error:
        raise ConfigError(_yaml_text(error)) from error
    except (HydraException, OmegaConfBaseException) as error:
        cause = error.__cause__
        text = _yaml_text(cause) if isinstance(cause, yaml.YAMLError) else str(error).strip().splitlines()[0]
        raise ConfigError(f"configs: {text}") from error
    assert isinstance(plain, dict)
    for override in values:
        _apply(plain, override)
    return {str(k): v for k, v in plain.items()}


def read(path: Path) -> dict[str, Any]:
    """A YAML file as plain values; ConfigError with place and remedy where it cannot be read."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {_yaml_text(error)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a mapping, got {type(values).__name__}.")
    return values


def choices(group: str) -> list[str]:
    """The names that `group=` can take, from all config folders."""
    return sorted({f.stem for folder in _folders() for f in (folder / group).glob("*.yaml")})


def _folders() -> list[Path]:
    own = Path.cwd() / "configs"
    return [FOLDER] if not own.is_dir() or own.samefile(FOLDER) else [FOLDER, own]


def _parsed(overrides: Sequence[str]) -> list[Override]:
    parser, parsed = OverridesParser.create(), []
    for text in overrides:
        try:
            override = parser.parse_override(text)
        except HydraException as error:
            raise ConfigError(f"{text!r} cannot be read. Write group=choice or a.b=value.") from error
        if override.is_delete():
            raise ConfigError(f"{text!r}: nothing can be taken away here. Choose another config, or kind: none for a module.")
        parsed.append(override)
    return parsed


def _is_group(override: Override) -> bool:
    return any((folder / override.key_or_group).is_dir() for folder in _folders())


def _check_choice(override: Override) -> None:
    group, choice = override.key_or_group, override.value()
    if choice not in choices(group):
        raise ConfigError(f"{group}={choice}: {unknown('choice', choice, choices(group))}")


def _apply(values: dict[str, Any], override: Override) -> None:
    """Sets one value in place; only its last name may be new, and is checked where the value is used."""
    *parents, last = override.key_or_group.split(".")
    place: Any = values
    for depth, name in enumerate(parents):
        if not isinstance(place, dict) or name not in place:
            where = ".".join(parents[:depth]) or "the config"
            known = place if isinstance(place, dict) else ()
            raise ConfigError(f"{override.input_line!r}: in {where}, {unknown('entry', name, map(str, known))}")
        place = place[name]
    if not isinstance(place, dict):
        raise ConfigError(f"{override.input_line!r}: {'.'.join(parents)} is a plain value ({place!r}) and has no entries.")
    value = override.value()
    place[last] = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else _unquoted(value)


def _unquoted(value: Any) -> Any:
    """Plain Python values in place of Hydra's quoted strings."""
    if isinstance(value, dict):
        return {str(k): _unquoted(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_unquoted(v) for v in value]
    return value.text if hasattr(value, "text") else value


def _yaml_text(error: BaseException) -> str:
    """What is wrong in a YAML file, with its place."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
    where = f"{mark.name}, line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    remedy = " Indent with spaces, not with tabs." if re.search(r"'\\t'|tab", str(error)) else ""
    return f"{where}{problem}.{remedy}"
