"""From a plain mapping to a checked circuit; every error that a user can make in wiring a brain is raised here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.checks import check_action, check_inputs, ends_exist, order
from agent.circuit import Circuit
from agent.config import structure
from agent.errors import ConfigError, WiringError, unknown
from agent.ports import Port, Ports
from agent.registry import find
from agent.shapes import action_port, infer, sense_ports
from agent.wires import BODY, Wire, parse

SECTIONS = ("modules", "wires", "body", "action")


def build(mapping: Mapping[str, Any], body: Ports | None = None, action: Port | None = None) -> Circuit:
    """Wires a brain from `{"modules": {name: {"kind": ..., option: value}}, "wires": ["a.b -> c.d", ...]}`.

    body: the senses, and action: what moves the body (of a world: `experiments.ports(env)`); both may stand in the
    mapping instead, as `"body": {"retina": [2, 32, 4], ...}` and `"action": [3]`.
    Raises `ConfigError` or `WiringError` with every problem found, before anything is compiled.
    """
    problems: list[str] = []
    _check_sections(mapping, problems)
    before = len(problems)
    body = body or sense_ports(mapping.get("body"), problems)
    action = action or action_port(mapping.get("action"), problems)
    known = len(problems) == before
    declared = mapping.get("modules") or {}
    configs = _configs(declared, problems)
    wires = _wires(mapping.get("wires") or [], problems)
    sound = [w for w in wires if ends_exist(w, configs, set(declared), body, problems)]
    broken = {w.target for w in wires if w not in sound}
    check_inputs(configs, sound, broken, problems)
    check_action(wires, problems)
    running = order(configs, sound, problems)
    if running is None or not known or not configs:
        raise WiringError(problems)
    inputs, outputs = infer(running, configs, sound, body, action, problems)
    if problems:
        raise WiringError(problems)
    return Circuit({n: configs[n] for n in running}, tuple(sound), inputs, outputs)


def module_config(options: Any, place: str, problems: list[str]) -> Any | None:
    """One module's config from `{"kind": ..., option: value}`."""
    if not isinstance(options, Mapping) or "kind" not in options:
        problems.append(
            f"{place}: expected a mapping with a 'kind', got {options!r}. 'scrubjay modules' lists the kinds."
        )
        return None
    try:
        kind = find(options["kind"])
    except ConfigError as error:
        problems.append(f"{place}.kind: {error}")
        return None
    return structure(kind, {k: v for k, v in options.items() if k != "kind"}, place, problems)


def _check_sections(mapping: Any, problems: list[str]) -> None:
    if not isinstance(mapping, Mapping):
        raise ConfigError(f"agent: expected a mapping with 'modules' and 'wires', got {mapping!r}.")
    problems += [f"agent: {unknown('section', key, SECTIONS)}" for key in mapping if key not in SECTIONS]
    if not isinstance(mapping.get("modules") or {}, Mapping):
        raise ConfigError(f"agent.modules: expected a mapping from names to modules, got {mapping['modules']!r}.")
    if not isinstance(mapping.get("wires") or [], list | tuple):
        raise ConfigError(f"agent.wires: expected a list of wires, got {mapping['wires']!r}.")
    if not mapping.get("modules"):
        problems.append("agent.modules: no module there. Name at least one, such as 'motor: {kind: gaussian_motor}'.")


def _configs(modules: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    configs = {}
    for name, options in modules.items():
        place = f"agent.modules.{name}"
        if name == BODY or not str(name).isidentifier():
            problems.append(
                f"{place}: a module cannot be called {name!r}. Use letters, digits and '_'; 'body' is taken."
            )
            continue
        config = module_config(options, place, problems)
        if config is not None:
            configs[name] = config
    return configs


def _wires(texts: Any, problems: list[str]) -> list[Wire]:
    wires: list[Wire] = []
    for text in texts:
        try:
            wire = parse(text)
        except WiringError as error:
            problems += error.problems
            continue
        if wire in wires:
            problems.append(f"wire '{wire}' stands there twice. Remove one.")
            continue
        wires.append(wire)
    return wires
