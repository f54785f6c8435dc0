"""From plain values to frozen dataclasses, with every complaint collected and its place named."""

from __future__ import annotations

import dataclasses
import math
import re
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from agent.errors import ConfigError, unknown

T = TypeVar("T")
MISSING: Any = object()

_PREFIXES = {"n": 1e-9, "u": 1e-6, "µ": 1e-6, "m": 1e-3, "c": 1e-2, "": 1.0, "k": 1e3, "M": 1e6}
_QUANTITY = re.compile(r"^\s*([-+]?[\d_.]+(?:[eE][-+]?\d+)?)\s*([nuµmckM]?)([A-Za-z%]+)\s*$")


def option(
    default: Any = dataclasses.MISSING,
    help: str = "",
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
) -> Any:
    """A documented field of a config: its help text, SI unit (`20 ms` is then understood) and closed range."""
    metadata = {"help": help, "unit": unit, "low": low, "high": high}
    return dataclasses.field(default=default, metadata=metadata)


def structure(cls: type[T], values: Any, place: str, problems: list[str]) -> T | None:
    """Makes a `cls` from a mapping of plain values; complaints go to `problems`, with None as the result."""
    if not isinstance(values, Mapping):
        problems.append(f"{place}: expected options as a mapping, got {values!r}.")
        return None
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    hints = get_type_hints(cls)
    before = len(problems)
    made = {}
    for name, value in values.items():
        if name not in fields:
            problems.append(f"{place}: {unknown('option', name, fields)}")
            continue
        made[name] = _convert(hints[name], value, f"{place}.{name}", fields[name].metadata, problems)
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in values:
            problems.append(f"{place}: option '{name}' is missing{_help(field.metadata)}.")
    if len(problems) > before:
        return None
    try:
        return cls(**made)
    except ConfigError as error:
        problems += [f"{place}.{problem}" for problem in error.problems]
        return None
    except ValueError as error:
        problems.append(f"{place}: {error}")
        return None


def plain(config: Any) -> dict[str, Any]:
    """The inverse of `structure`: a mapping of plain values."""
    return {f.name: _plain_value(getattr(config, f.name)) for f in dataclasses.fields(config) if f.init}


def _plain_value(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return plain(value)
    if isinstance(value, Mapping):
        return {k: _plain_value(v) for k, v in value.items()}
    return [_plain_value(v) for v in value] if isinstance(value, tuple | list) else value


def _help(metadata: Mapping[str, Any]) -> str:
    return f" ({metadata['help']})" if metadata.get("help") else ""


def _convert(kind: Any, value: Any, place: str, metadata: Mapping[str, Any], problems: list[str]) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        return _convert(next(a for a in args if a is not type(None)), value, place, metadata, problems)
    if origin is Literal:
        if value not in args or (isinstance(value, bool) and True not in args):
            problems.append(f"{place}: {unknown('choice', value, map(str, args))}")
        return value
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return structure(kind, value, place, problems)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            problems.append(f"{place}: expected a list, got {value!r}.")
            return ()
        return tuple(_convert(args[0], v, f"{place}[{i}]", metadata, problems) for i, v in enumerate(value))
    if kind is Any:
        return value
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            problems.append(f"{place}: expected a mapping, got {value!r}.")
        return value
    return _scalar(kind, value, place, metadata, problems)


def _scalar(kind: Any, value: Any, place: str, metadata: Mapping[str, Any], problems: list[str]) -> Any:
    unit = metadata.get("unit", "")
    result = MISSING
    if kind is bool or kind is str:
        result = value if isinstance(value, kind) else MISSING
    elif kind is int and not isinstance(value, bool):
        result = int(value) if isinstance(value, int) or (isinstance(value, float) and value.is_integer()) else MISSING
    elif kind is float and not isinstance(value, bool):
        result = float(value) if isinstance(value, int | float) else _quantity(value, unit)
    if result is MISSING:
        wanted = {bool: "true or false", str: "text", int: "a whole number", float: "a number"}[kind]
        problems.append(f"{place}: expected {wanted}{f' in {unit}' if unit else ''}, got {value!r}{_help(metadata)}.")
        return value
    if isinstance(result, int | float):
        _check_range(result, value, place, metadata, problems)
    return result


def _check_range(number: float, value: Any, place: str, metadata: Mapping[str, Any], problems: list[str]) -> None:
    low, high = metadata.get("low"), metadata.get("high")
    bounds = " and ".join(f"{word} {x:g}" for word, x in (("at least", low), ("at most", high)) if x is not None)
    if not math.isfinite(number):
        problems.append(f"{place}: {value!r} is not finite{_help(metadata)}.")
    elif (low is not None and number < low) or (high is not None and number > high):
        problems.append(f"{place}: {value!r} is out of range; it must be {bounds}{_help(metadata)}.")


def _quantity(value: Any, unit: str) -> Any:
    """`20 ms` -> 0.02 for a field in seconds; plain numbers written as text are taken too."""
    if not isinstance(value, str):
        return MISSING
    try:
        return float(value)
    except ValueError:
        pass
    match = _QUANTITY.match(value)
    if not match:
        return MISSING
    text, prefix, symbol = match.groups()
    try:
        number = float(text)
    except ValueError:
        return MISSING
    if prefix + symbol == unit:
        return number
    return number * _PREFIXES[prefix] if symbol == unit else MISSING
