"""Kinds by file name: `envs/tasks/forage.py` holds the class `Forage` and is the task `forage`."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from typing import Any


class EnvError(ValueError):
    """A user's mistake in naming or setting up a world: place, value, near match and choices in one line."""


def unknown(what: str, name: object, choices: Iterable[str]) -> EnvError:
    """The error for a name that does not exist, with the nearest one that does."""
    choices = sorted(choices)
    near = difflib.get_close_matches(str(name), choices, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return EnvError(f"no {what} {name!r}.{hint} Choices: {', '.join(choices) or 'none'}.")


def names(package: str) -> list[str]:
    """Names of the kinds in a folder, sorted; nothing is imported but the folder itself."""
    folder = importlib.import_module(package)
    return sorted(module.name for module in pkgutil.iter_modules(folder.__path__) if not module.name.startswith("_"))


def kind(package: str, name: str) -> type[Any]:
    """The class of one kind: file `two_step.py`, class `TwoStep`."""
    what = package.rpartition(".")[2]
    if name not in names(package):
        raise unknown({"bodies": "body"}.get(what, what.removesuffix("s")), name, names(package))
    title = "".join(part.capitalize() for part in name.split("_"))
    found = getattr(importlib.import_module(f"{package}.{name}"), title, None)
    if found is None:
        raise EnvError(f"{package}.{name}: the file must define the class {title!r}, named after the file.")
    return found


def kinds(package: str) -> dict[str, type[Any]]:
    """All kinds of a folder by name."""
    return {name: kind(package, name) for name in names(package)}


def name_of(thing: Any) -> str:
    """The name of the kind that a task, body or sense is of: that of the file which holds its class."""
    return type(thing).__module__.rpartition(".")[2]


def configured(place: str, cls: type[Any], options: Mapping[str, Any]) -> Any:
    """An instance of a frozen dataclass from plain options, with unknown names and wrong types refused."""
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
    values = {}
    for name, value in options.items():
        if name not in fields:
            raise unknown(f"option of {place}", name, fields)
        values[name] = _checked(f"{place}.{name}", fields[name], value)
    return cls(**values)


def _checked(place: str, field: dataclasses.Field[Any], value: Any) -> Any:
    """`value` if it has the type of the field's default; whole numbers pass for real ones."""
    wanted = type(field.default)
    if field.default is dataclasses.MISSING or field.default is None or type(value) is wanted:
        return value
    if wanted is float and type(value) is int:
        return float(value)
    raise EnvError(
        f"{place}: {value!r} is a {type(value).__name__}, but a {wanted.__name__} is wanted, "
        f"for example {field.default!r}."
    )
