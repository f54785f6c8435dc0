"""Names of module kinds, found by walking the folders below `agent` and the entry points of third parties."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from typing import Any, TypeVar

from agent.errors import ConfigError, unknown

ENTRY_POINTS = "scrubjay.modules"
"""Entry-point group: each entry names a Python module whose import registers kinds."""

T = TypeVar("T")
_KINDS: dict[str, type[Any]] = {}


def register(kind: str) -> Callable[[type[T]], type[T]]:
    """Registers a config dataclass under a kind: the name that config files use."""

    def add(config: type[T]) -> type[T]:
        other = _KINDS.get(kind)
        if other is not None and (other.__module__, other.__qualname__) != (config.__module__, config.__qualname__):
            raise ConfigError(
                f"kind {kind!r} is registered twice: by {other.__module__}.{other.__qualname__} and by "
                f"{config.__module__}.{config.__qualname__}. Rename one of them."
            )
        _KINDS[kind] = config
        return config

    return add


@cache
def _discover() -> None:
    import agent

    for found in pkgutil.walk_packages(agent.__path__, "agent."):
        importlib.import_module(found.name)
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            entry.load()
        except Exception as error:
            reason = str(error).rstrip(".")
            raise ConfigError(
                f"entry point '{entry.name} = {entry.value}' of group {ENTRY_POINTS!r} cannot be loaded: {reason}. "
                f"Mend or uninstall the package that offers it ({entry.dist.name if entry.dist else 'unknown'})."
            ) from error


def kinds() -> dict[str, type[Any]]:
    """Every registered kind and its config class, by name."""
    _discover()
    return dict(sorted(_KINDS.items()))


def kind_of(config: object) -> str:
    """The kind under which a config's class is registered."""
    return next(name for name, cls in _KINDS.items() if cls is type(config))


def find(kind: str) -> type[Any]:
    """The config class of a kind; a `ConfigError` with the nearest name where there is none."""
    if not isinstance(kind, str) or kind not in kinds():
        raise ConfigError(unknown("kind", kind, _KINDS) + " 'scrubjay modules' lists them all.")
    return _KINDS[kind]
