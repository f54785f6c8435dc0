"""Shapes of all ports, inferred along the wires before anything is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agent.errors import unknown
from agent.ports import MODEL, Input, Meaning, Port, Ports
from agent.wires import BODY, Wire


def sense_ports(shapes: Any, problems: list[str]) -> Ports:
    """The senses from `{name: shape}`."""
    if not isinstance(shapes, Mapping):
        problems.append(
            "agent.body: the senses are not known. Pass body=..., or list their shapes: 'body: {retina: [2, 32, 4]}'."
        )
        return Ports()
    return Ports({name: _port(f"agent.body.{name}", shape, "rate", problems) for name, shape in shapes.items()})


def action_port(shape: Any, problems: list[str]) -> Port:
    """What moves the body, from its shape."""
    if shape is None:
        problems.append("agent.action: the action is not known. Pass action=..., or give its shape: 'action: [3]'.")
        return Port()
    return _port("agent.action", shape, "action", problems)


def _port(place: str, shape: Any, meaning: Meaning, problems: list[str]) -> Port:
    if not isinstance(shape, list | tuple) or not all(type(n) is int and n > 0 for n in shape):
        problems.append(f"{place}: expected a shape such as [32], got {shape!r}.")
        return Port()
    return Port(tuple(shape), "image" if meaning == "rate" and len(shape) > 1 else meaning)


def infer(
    order: list[str], configs: Mapping[str, Any], wires: list[Wire], body: Ports, action: Port, problems: list[str]
) -> tuple[dict[str, Ports], dict[str, Ports]]:
    """The input and the output ports of every module; follows the wires until nothing changes."""
    outputs: dict[str, Ports] = {BODY: body}
    before: dict[str, Ports] = {}
    inputs: dict[str, Ports] = {}
    complaints: list[str] = []
    for _ in range(len(order) + 2):
        before, complaints = dict(outputs), []
        for name in order:
            inputs[name] = _arriving(name, configs[name].inputs, wires, outputs, complaints)
            found = _outputs(name, configs[name], inputs[name], complaints)
            if found is not None:
                outputs[name] = found
        if outputs == before:
            break
    complaints += _missing_outputs(wires, outputs) + _unlike_action(wires, outputs, action)
    if not problems and not complaints:
        complaints = _unsettled(order, wires, before, outputs)
    problems += dict.fromkeys(complaints)
    return inputs, outputs


def _outputs(name: str, config: Any, inputs: Ports, complaints: list[str]) -> Ports | None:
    """A module's outputs, or None where an input that decides them is not known yet."""
    try:
        return config.ports(inputs)
    except KeyError as error:
        if error.args[:1] and error.args[0] in config.inputs:
            return None
        raise
    except ValueError as error:
        complaints.append(f"agent.modules.{name}: {error}")
        return None


def _missing_outputs(wires: list[Wire], outputs: Mapping[str, Ports]) -> list[str]:
    return [
        f"wire '{w}': '{w.source}' has {unknown('output', w.output, outputs[w.source])}"
        for w in wires
        if w.source in outputs and w.output not in outputs[w.source]
    ]


def _unlike_action(wires: list[Wire], outputs: Mapping[str, Ports], action: Port) -> list[str]:
    moved = [w for w in wires if w.end == f"{BODY}.action" and w.output in outputs.get(w.source, {})]
    sent = [outputs[w.source][w.output] for w in moved]
    return [
        f"wire '{w}': the body takes an action of shape {list(action.shape)} and {action.dtype}, but '{w.start}' sends "
        f"{list(port.shape)} and {port.dtype}. Wire a module's action of that size."
        for w, port in zip(moved, sent, strict=True)
        if (port.shape, port.dtype) != (action.shape, action.dtype)
    ]


def _unsettled(
    order: list[str], wires: list[Wire], before: Mapping[str, Ports], outputs: Mapping[str, Ports]
) -> list[str]:
    """Loops whose shapes nothing decides, or which grow on every turn."""
    unknown_ports = [w for w in wires if w.source not in outputs]
    growing = [name for name in order if outputs.get(name) != before.get(name)]
    return [
        f"wire '{w}': the shape of '{w.start}' depends on itself. Wire something of a known shape into the loop."
        for w in unknown_ports
    ] + [
        f"agent.modules.{name}: its outputs grow on every turn of a loop. Put a module of a fixed size into the loop."
        for name in growing
    ]


def _arriving(
    name: str, declared: Mapping[str, Input], wires: list[Wire], outputs: Mapping[str, Ports], complaints: list[str]
) -> Ports:
    arriving: dict[str, Port] = {}
    for port, accepts in declared.items():
        into = [w for w in wires if w.end == f"{name}.{port}" and w.output in outputs.get(w.source, {})]
        sent = [outputs[w.source][w.output] for w in into]
        fitting = [_fits(w, p, accepts, sent, complaints) for w, p in zip(into, sent, strict=True)]
        if sent and all(fitting):
            arriving[port] = _merged(sent, accepts)
    return Ports(arriving)


def _fits(wire: Wire, port: Port, accepts: Input, sent: list[Port], complaints: list[str]) -> bool:
    other = sent[0]
    beside = f"but '{wire.start}' sends {list(port.shape)} beside {list(other.shape)}"
    if accepts.rank is not None and len(port.shape) != accepts.rank:
        axes = "1 axis" if accepts.rank == 1 else f"{accepts.rank} axes"
        problem = f"takes an array of {axes}, but '{wire.start}' sends {port}. Put a module between them that turns it."
    elif port.dtype == accepts.dtype == MODEL and wire.delay:
        problem = f"takes a model, which is the same at any time. Take '@ delay={wire.delay}' away."
    elif port.dtype != accepts.dtype:
        problem = f"takes {accepts.dtype}, but '{wire.start}' sends {port.dtype}. Wire another port."
    elif accepts.merge == "sum" and port.shape != other.shape:
        problem = f"adds up equal shapes, {beside}. Make them equal, or join them in a fusion module."
    elif accepts.merge == "concat" and len(sent) > 1 and not _stackable(port, other):
        problem = f"joins along the first axis, {beside}. Make all other axes equal."
    else:
        return True
    complaints.append(f"wire '{wire}': '{wire.end}' {problem}")
    return False


def _stackable(port: Port, other: Port) -> bool:
    return len(port.shape) == len(other.shape) > 0 and port.shape[1:] == other.shape[1:]


def _merged(sent: list[Port], accepts: Input) -> Port:
    if accepts.merge != "concat" or not sent[0].shape:
        return sent[0]
    parts = tuple(p.shape[0] for p in sent)
    return replace(sent[0], shape=(sum(parts), *sent[0].shape[1:]), parts=parts)
