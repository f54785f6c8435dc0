"""What stands on the command line behind `train`: `group=choice` swaps a part, `a.b=value` sets a value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import OmegaConf

from agent.errors import ConfigError, unknown


def parsed(overrides: Sequence[str]) -> list[Override]:
    """The overrides in Hydra's grammar, without the forms of it that mean nothing here."""
    return [_parsed(text) for text in overrides]


def _parsed(text: str) -> Override:
    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise ConfigError(
            f"override {text!r} cannot be read. Write group=choice or a.b=value, with quotes around a value that holds "
            "spaces, commas or brackets."
        ) from error
    if not override.key_or_group:
        raise ConfigError(f"override {text!r} has no name. Write group=choice or a.b=value.")
    if override.is_delete():
        raise ConfigError(
            f"override {text!r}: nothing can be taken away here. Choose another config, or kind: none for a module."
        )
    if override.is_add() or override.is_force_add():
        raise ConfigError(f"override {text!r}: a '+' is not needed here. Write {text.lstrip('+')!r}.")
    if override.package is not None:
        raise ConfigError(f"override {text!r}: a '@' says nothing here. Write group=choice or a.b=value.")
    if override.is_sweep_override():
        raise ConfigError(f"override {text!r} names several values, but a run has one. Start a run for each.")
    return override


def check_group(override: Override, groups: Iterable[str]) -> None:
    """A name with a `/` is a group's, and this one is not known."""
    if "/" in override.key_or_group:
        raise ConfigError(f"override {override.input_line!r}: {unknown('group', override.key_or_group, groups)}")


def apply(values: dict[str, Any], override: Override) -> None:
    """Sets one value in place; only its last name may be new, and is checked where the value is used."""
    *parents, last = override.key_or_group.split(".")
    place: Any = values
    for depth, name in enumerate(parents):
        if not isinstance(place, dict) or name not in place:
            where = ".".join(parents[:depth]) or "the config"
            known = place if isinstance(place, dict) else ()
            raise ConfigError(
                f"override {override.input_line!r}: in {where}, {unknown('entry', name, map(str, known))}"
            )
        place = place[name]
    if not isinstance(place, dict):
        where = ".".join(parents)
        raise ConfigError(
            f"override {override.input_line!r}: {where} is a plain value ({place!r}) and has no entries. "
            f"Set it by {where}=value."
        )
    value = override.value()
    place[last] = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else _unquoted(value)


def _unquoted(value: Any) -> Any:
    """Plain Python values in place of Hydra's quoted strings."""
    if isinstance(value, dict):
        return {str(_unquoted(k)): _unquoted(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_unquoted(v) for v in value]
    return value.text if hasattr(value, "text") else value
