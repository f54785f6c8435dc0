"""Trace: everything the replay page draws, one recorded run of an agent, as plain arrays in one `.npz` file."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np

from experiments.watch.checks import TraceError, check_trace

GeomType = Literal["plane", "box", "cylinder", "sphere", "capsule", "ellipsoid"]
FORMAT = "scrubjay-trace"
VERSION = 1
TABLES = ("rewards", "ports", "signals", "traces", "spikes")


@dataclass(frozen=True)
class Meta:
    """What was recorded. `dt` is the duration of one decision, s; `version` names the code that ran."""

    title: str = "Replay"
    run: str = ""
    task: str = ""
    agent: str = ""
    seed: int = 0
    dt: float = 0.1
    version: str = ""


@dataclass(frozen=True)
class Geom:
    """One primitive shape; `size` as in MJCF, m (half sizes; radius, half length; 0 in a plane's: unbounded)."""

    name: str
    type: GeomType
    size: tuple[float, ...]


@dataclass(frozen=True)
class Node:
    """One module in the drawing of the brain; x runs from senses (0) to action (1), y from top (0) to bottom (1)."""

    name: str
    kind: str
    x: float
    y: float


@dataclass(frozen=True)
class Edge:
    """One wire, `module.port` to `module.port`; `delay` in decisions."""

    source: str
    target: str
    delay: int = 0


@dataclass(frozen=True)
class Trace:
    """T decisions of one agent, several episodes one after the other on one running clock.

    Everything from `retina` on may be left out: the page then leaves the panel out.
    """

    meta: Meta
    time: np.ndarray  # [T] s, rising through all episodes
    episode: np.ndarray  # [T] number of the episode
    geoms: tuple[Geom, ...]
    poses: np.ndarray  # [T, G, 7] m and unit quaternion (w, x, y, z), in the world's frame
    rgba: np.ndarray  # [T, G, 4] in [0, 1]; alpha 0 hides
    root: int = 0  # index of the geom that the camera follows and whose trail is drawn
    scales: np.ndarray | None = None  # [T, G, 3], multiplies each geom's size, where sizes change
    retina: np.ndarray | None = None  # [T, rows, rays, 4] red, green, blue, proximity exp(-d)
    eyes: np.ndarray | None = None  # [T, 3] x, y (m), heading (rad) of the retina
    row_heights: tuple[float, ...] = ()  # [rows] height of each row's rays above the floor, m
    ray_angles: tuple[float, ...] = ()  # [rays] rad from the heading, counter-clockwise
    rewards: Mapping[str, np.ndarray] = field(default_factory=dict)  # reward term -> [T]
    value: np.ndarray | None = None  # [T]
    score: str = ""
    ports: Mapping[str, np.ndarray] = field(default_factory=dict)  # "module.port" -> [T], mean |x| over units
    spikes: Mapping[str, np.ndarray] = field(default_factory=dict)  # "module.port" -> bool [T, ticks, N]
    signals: Mapping[str, np.ndarray] = field(default_factory=dict)  # name -> [T]
    traces: Mapping[str, np.ndarray] = field(default_factory=dict)  # "module.port" -> [T, N], a column per unit
    strides: Mapping[str, int] = field(default_factory=dict)  # "module.port" -> n: only every n-th unit is in `traces`
    events: tuple[tuple[float, str], ...] = ()  # (time in s, text)
    captions: tuple[tuple[float, str], ...] = ()  # (time in s, text), each shown until the next
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # "module.port" -> names of a trace's columns,
    # or of the two ends, 0 and 1, of a signal that shares out between them
    recalls: np.ndarray | None = None  # [R, 3] time now (s), time remembered (s), weight
    distant: np.ndarray | None = None  # [R, 4] now (s), episode (-1: last before these), s in it, weight
    plans: np.ndarray | None = None  # [T, H + 1, 3] x, y (m), heading (rad) from now on, NaN where nothing was planned
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()

    def __post_init__(self) -> None:
        for name, dtype in ARRAYS.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, np.asarray(value, dtype))
        for name in TABLES:
            dtype = bool if name == "spikes" else np.float32
            object.__setattr__(self, name, {k: np.asarray(v, dtype) for k, v in getattr(self, name).items()})
        check_trace(self)

    @property
    def duration(self) -> float:
        """Seconds from the first decision to the end of the last."""
        return float(self.time[-1] - self.time[0]) + self.meta.dt

    def header(self) -> dict[str, Any]:
        """All that is not an array, as plain values."""
        plain = ("geoms", "nodes", "edges")
        return {
            "meta": asdict(self.meta),
            **{name: [asdict(item) for item in getattr(self, name)] for name in plain},
            **{
                name: getattr(self, name)
                for name in ("root", "score", "row_heights", "ray_angles", "events", "captions", "strides", "labels")
            },
        }

    def save(self, path: str | Path) -> Path:
        """Writes the trace as compressed `.npz` without pickles; the file appears whole or not at all."""
        path = Path(path)
        header = {"format": FORMAT, "version": VERSION, **self.header(), "spikes": {}}
        arrays = {name: getattr(self, name) for name in ARRAYS if getattr(self, name) is not None}
        for table in TABLES:
            for key, value in getattr(self, table).items():
                if table == "spikes":
                    header["spikes"][key] = value.shape
                    value = np.packbits(value)
                arrays[f"{table}/{key}"] = value
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                np.savez_compressed(file, **arrays)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return path

    @classmethod
    def load(cls, path: str | Path) -> Trace:
        """Reads what `save` wrote; raises `TraceError` on anything else."""
        arrays = _read(Path(path))
        try:
            header = json.loads(arrays.pop("header").tobytes())
            if header.pop("format") != FORMAT:
                raise KeyError("format")
            version = header.pop("version")
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise TraceError(
                f"{path} is an .npz file, but not a Scrubjay trace. `scrubjay watch` writes one."
            ) from error
        if version != VERSION:
            raise TraceError(
                f"{path} has trace format {version}, this version reads {VERSION}. "
                "Record it again with `scrubjay watch`."
            )
        try:
            return cls(**_parse(header, arrays))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise TraceError(f"{path} is a damaged trace ({error}). Record it again with `scrubjay watch`.") from error


ARRAYS: dict[str, Any] = {
    "time": np.float64,
    "episode": np.int32,
    **dict.fromkeys(("poses", "rgba", "scales", "retina", "eyes", "value"), np.float32),
    **dict.fromkeys(("recalls", "distant"), np.float64),
    "plans": np.float32,
}


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise TraceError(f"no trace at {path}. `scrubjay watch` writes one.")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (
        zipfile.BadZipFile,
        zlib.error,
        ValueError,
        EOFError,
        OSError,
        AttributeError,
        KeyError,
        TypeError,
    ) as error:
        raise TraceError(
            f"{path} cannot be read as a trace: it is truncated or another kind of file. "
            "Record it again with `scrubjay watch`."
        ) from error


def _parse(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    shapes = header.pop("spikes")
    tables: dict[str, dict[str, np.ndarray]] = {name: {} for name in TABLES}
    plain: dict[str, Any] = {}
    for name, value in arrays.items():
        table, _, key = name.partition("/")
        if table in tables and key:
            if table == "spikes":
                value = np.unpackbits(value, count=int(np.prod(shapes[key]))).astype(bool).reshape(shapes[key])
            tables[table][key] = value
        else:
            plain[name] = value
    header["meta"] = Meta(**header["meta"])
    header["geoms"] = tuple(Geom(**{**geom, "size": tuple(geom["size"])}) for geom in header["geoms"])
    header["nodes"] = tuple(Node(**node) for node in header["nodes"])
    header["edges"] = tuple(Edge(**edge) for edge in header["edges"])
    for name in ("events", "captions"):
        header[name] = tuple((float(time), str(text)) for time, text in header.get(name, ()))
    header["labels"] = {port: tuple(names) for port, names in header.get("labels", {}).items()}
    header["row_heights"], header["ray_angles"] = tuple(header["row_heights"]), tuple(header["ray_angles"])
    known = {item.name for item in fields(Trace)}
    return {name: value for name, value in {**header, **plain, **tables}.items() if name in known}
