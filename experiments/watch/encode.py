"""Packs a trace for the page: arrays quantised to integers, one zlib stream, base64; `page/data.js` is the inverse."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np

from experiments.watch.trace import Trace

MISSING = 65535
"""The code that stands for a number that is not finite, 255 among bytes; the page leaves a gap there."""


class Packer:
    """Collects arrays into one byte string and a table that says where each lies.

    Types: `u16` and `u8` are affine codes, value = offset + code * scale; `bits` are packed booleans.
    A `u16` array is off by at most its range / 131068.
    """

    def __init__(self) -> None:
        self.table: dict[str, dict[str, Any]] = {}
        self._chunks: list[bytes] = []
        self._length = 0

    def add(self, name: str, array: np.ndarray) -> None:
        """Adds numbers with 16 bits each."""
        self._affine(name, array, "u16", MISSING)

    def add_coarse(self, name: str, array: np.ndarray) -> None:
        """Adds numbers with 8 bits each, off by at most the range / 508: enough where thousands are drawn at once."""
        self._affine(name, array, "u8", 255)

    def _affine(self, name: str, array: np.ndarray, kind: str, missing: int) -> None:
        finite = np.isfinite(array)
        known = array[finite].astype(np.float64)
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
        scale = (high - low) / (missing - 1) or 1.0
        codes = np.full(array.shape, missing, "<u2" if kind == "u16" else "u1")
        codes[finite] = np.round((known - low) / scale)
        self._append(name, kind, array.shape, codes.tobytes(), scale, low)
        self.table[name]["missing"] = missing

    def add_unit(self, name: str, array: np.ndarray) -> None:
        """Adds numbers in [0, 1], such as colours, with 8 bits each."""
        codes = np.round(np.clip(np.nan_to_num(array), 0, 1) * 255).astype(np.uint8)
        self._append(name, "u8", array.shape, codes.tobytes(), 1 / 255, 0.0)

    def add_bits(self, name: str, array: np.ndarray) -> None:
        """Adds booleans with one bit each, the first in the highest bit."""
        self._append(name, "bits", array.shape, np.packbits(array).tobytes(), 1.0, 0.0)

    def blob(self) -> str:
        """All bytes, compressed, as base64."""
        return base64.b64encode(zlib.compress(b"".join(self._chunks), 9)).decode()

    def _append(self, name: str, kind: str, shape: tuple[int, ...], data: bytes, scale: float, offset: float) -> None:
        data += bytes(len(data) % 2)  # 16-bit arrays start at even places
        self.table[name] = {"type": kind, "shape": shape, "scale": scale, "offset": offset, "start": self._length}
        self._chunks.append(data)
        self._length += len(data)


def encode(trace: Trace) -> dict[str, Any]:
    """The trace as plain values: its header, the table of arrays and their bytes."""
    packer = Packer()
    packer.add("time", trace.time)
    packer.add("episode", trace.episode)
    packer.add("position", trace.poses[..., :3])
    packer.add("rotation", trace.poses[..., 3:])
    packer.add_unit("rgba", trace.rgba)
    for name in ("scales", "eyes", "value", "recalls", "distant", "plans"):
        if (array := getattr(trace, name)) is not None:
            packer.add(name, array)
    if trace.retina is not None:
        packer.add_unit("colours", trace.retina[..., :3])
        packer.add("proximity", trace.retina[..., 3])
    for table in ("rewards", "ports", "signals"):
        for key, array in getattr(trace, table).items():
            packer.add(f"{table}/{key}", array)
    for key, array in trace.traces.items():
        add = packer.add if key in trace.labels else packer.add_coarse  # lines with names differ much in size
        add(f"traces/{key}", array)
    for key, array in trace.spikes.items():
        packer.add_bits(f"spikes/{key}", array)
    return {**trace.header(), "arrays": packer.table, "blob": packer.blob()}
