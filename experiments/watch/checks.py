"""Checks of a trace, so that a recorder's mistake is named here and not seen as an empty panel."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from experiments.watch.trace import Trace

SIZES = {"plane": (2, 3), "box": (3, 3), "cylinder": (2, 3), "sphere": (1, 3), "capsule": (2, 3), "ellipsoid": (3, 3)}
"""Least and most numbers in a geom's size (MuJoCo stores three for every type)."""


class TraceError(ValueError):
    """A trace that cannot be drawn, saved or read; the message says why and what to do."""


def check_trace(trace: Trace) -> None:
    """Raises `TraceError` for the first thing that does not fit."""
    if trace.time.ndim != 1 or trace.time.size == 0:
        raise TraceError(f"trace.time has shape {trace.time.shape}, but needs [T] with at least one decision")
    if not np.isfinite(trace.time).all() or (np.diff(trace.time) <= 0).any():
        where = int(np.argmin(np.diff(trace.time, prepend=-np.inf) > 0))
        raise TraceError(
            f"trace.time does not rise at decision {where}: it is one clock in s through all episodes, "
            "not one that starts again with each"
        )
    if not trace.meta.dt > 0:
        raise TraceError(f"trace.meta.dt is {trace.meta.dt}, but a decision lasts more than 0 s")
    _check_shapes(trace)
    _check_geoms(trace)
    _check_graph(trace)
    for name, what in (("events", "an event"), ("captions", "a caption")):
        for time, text in getattr(trace, name):
            if not np.isfinite(time):
                raise TraceError(f"trace.{name}: {text!r} is at {time} s; {what} needs a time")


def _check_shapes(trace: Trace) -> None:
    steps, geoms = trace.time.size, len(trace.geoms)
    rows, rays = len(trace.row_heights), len(trace.ray_angles)
    wanted: dict[str, tuple[int, ...]] = {
        "episode": (steps,),
        "poses": (steps, geoms, 7),
        "rgba": (steps, geoms, 4),
        "scales": (steps, geoms, 3),
        "retina": (steps, rows, rays, 4),
        "eyes": (steps, 3),
        "value": (steps,),
    }
    names = {"poses": "[T, G, 7]", "rgba": "[T, G, 4]", "scales": "[T, G, 3]", "eyes": "[T, 3]"}
    names["retina"] = "[T, row_heights, ray_angles, 4]"
    for name, shape in wanted.items():
        _expect(f"trace.{name}", getattr(trace, name), shape, names.get(name, "[T]"))
    for table in ("rewards", "ports", "signals"):
        for key, value in getattr(trace, table).items():
            _expect(f"trace.{table}[{key!r}]", value, (steps,), "[T]")
    for key, value in trace.traces.items():
        if value.ndim != 2 or value.shape[0] != steps or 0 in value.shape:
            raise TraceError(f"trace.traces[{key!r}] has shape {value.shape}, expected [T={steps}, N]")
    for key, stride in trace.strides.items():
        if key not in trace.traces:
            raise TraceError(f"trace.strides: no trace {key!r}.{_near(key, list(trace.traces))}")
        if stride < 1:
            raise TraceError(f"trace.strides[{key!r}] is {stride}; every n-th unit needs an n of at least 1")
    for key, names in trace.labels.items():
        columns = trace.traces[key].shape[1] if key in trace.traces else 2 if key in trace.signals else -1
        if columns < 0:
            raise TraceError(f"trace.labels: no trace {key!r}.{_near(key, [*trace.traces, *trace.signals])}")
        if len(names) != columns:
            raise TraceError(f"trace.labels[{key!r}] has {len(names)} names for {columns} numbers")
    for key, value in trace.spikes.items():
        if value.ndim != 3 or value.shape[0] != steps or 0 in value.shape:
            raise TraceError(f"trace.spikes[{key!r}] has shape {value.shape}, expected [T={steps}, ticks, N]")
    if trace.retina is not None and trace.eyes is None:
        raise TraceError("trace.retina is given without trace.eyes: [T, 3], the x, y (m) and heading (rad) it saw from")
    if trace.recalls is not None and (trace.recalls.ndim != 2 or trace.recalls.shape[1] != 3):
        raise TraceError(f"trace.recalls has shape {trace.recalls.shape}, expected [R, 3]: now, remembered, weight")
    if trace.distant is not None and (trace.distant.ndim != 2 or trace.distant.shape[1] != 4):
        raise TraceError(
            f"trace.distant has shape {trace.distant.shape}, expected [R, 4]: now, episode, second, weight"
        )
    if trace.plans is not None and (trace.plans.ndim != 3 or trace.plans.shape[::2] != (steps, 3)):
        raise TraceError(f"trace.plans has shape {trace.plans.shape}, expected [T={steps}, H + 1, 3]: x, y, heading")


def _expect(name: str, value: np.ndarray | None, shape: tuple[int, ...], words: str) -> None:
    if value is not None and value.shape != shape:
        raise TraceError(f"{name} has shape {value.shape}, expected {shape}, that is {words}")


def _check_geoms(trace: Trace) -> None:
    for geom in trace.geoms:
        if geom.type not in SIZES:
            raise TraceError(f"geom {geom.name!r}: no shape {geom.type!r}.{_near(geom.type, list(SIZES))}")
        least, most = SIZES[geom.type]
        if not least <= len(geom.size) <= most or not np.isfinite(geom.size).all():
            raise TraceError(
                f"geom {geom.name!r}: size {geom.size} of a {geom.type} needs {least} to {most} numbers, m"
            )
    if trace.geoms and not 0 <= trace.root < len(trace.geoms):
        raise TraceError(
            f"trace.root is {trace.root}, but there are {len(trace.geoms)} geoms (0 to {len(trace.geoms) - 1})"
        )


def _check_graph(trace: Trace) -> None:
    names = [node.name for node in trace.nodes]
    for name in names:
        if names.count(name) > 1:
            raise TraceError(f"trace.nodes has {name!r} {names.count(name)} times; the names of modules differ")
    for edge in trace.edges:
        for end in (edge.source, edge.target):
            module, _, port = end.partition(".")
            if not port:
                raise TraceError(f"edge '{edge.source} -> {edge.target}': {end!r} names no port; write module.port")
            if module not in names:
                raise TraceError(f"edge '{edge.source} -> {edge.target}': no node {module!r}.{_near(module, names)}")


def _near(name: str, choices: list[str]) -> str:
    near = difflib.get_close_matches(name, choices, 1)
    return f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(choices) or 'none'}."
