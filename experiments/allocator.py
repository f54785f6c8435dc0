"""The C library's allocator, told to keep what programs free: XLA asks for the same large buffers at every step."""

from __future__ import annotations

import ctypes
import os

SETTINGS = {"TRIM_THRESHOLD": (-1, -1), "MMAP_MAX": (-4, 0), "TOP_PAD": (-2, 64 << 20)}
"""Of glibc's mallopt(3): its number for each, and a value. Memory is never given back, never mapped apart, and grows by
64 MiB at a time; without this, the kernel maps and clears the same pages again and again."""


def keep_memory() -> None:
    """Leaves alone what the environment sets itself (`MALLOC_TRIM_THRESHOLD_=…`), and C libraries other than glibc."""
    set_already = any(f"MALLOC_{name}_" in os.environ for name in SETTINGS)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None and not set_already:
        for number, value in SETTINGS.values():
            mallopt(number, value)
