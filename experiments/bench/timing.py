"""Timing that can be compared: contestants take turns, and CPU time is counted beside the clock."""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax

from experiments.errors import RunError


@dataclass
class Rate:
    """Units of work per second, one entry per turn."""

    per_second: list[float] = field(default_factory=list)
    per_cpu_second: list[float] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        return {
            "per_second": statistics.median(self.per_second),
            "per_cpu_second": statistics.median(self.per_cpu_second),
            "turns": len(self.per_second),
            "range_per_cpu_second": [min(self.per_cpu_second), max(self.per_cpu_second)],
        }


def alternate(contestants: Mapping[str, tuple[Callable[[], Any], int]], turns: int) -> dict[str, Rate]:
    """Runs every contestant once to warm up, then `turns` times in turn; each is `(job, units of work per call)`."""
    for job, _ in contestants.values():
        jax.block_until_ready(job())
    rates = {name: Rate() for name in contestants}
    for _ in range(turns):
        for name, (job, units) in contestants.items():
            wall, cpu = time.perf_counter(), time.process_time()
            jax.block_until_ready(job())
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            rates[name].per_second.append(units / wall)
            rates[name].per_cpu_second.append(units / max(cpu, 1e-9))
    return rates


def compile_seconds(job: Callable[..., Any], *arguments: Any) -> dict[str, float]:
    """Seconds from Python to a compiled program: cold, and warm, with Python's and XLA's own start-up behind them.

    JAX's cache on disk is no help here: it leaves out programs that call back into Python, as engine c does.
    """
    found = {}
    for name in ("cold", "warm"):
        jax.clear_caches()
        before = time.perf_counter()
        jax.jit(job).lower(*arguments).compile()
        found[name] = time.perf_counter() - before
    return found


def peer(module: str, extra: str = "bench") -> Any:
    """A package that we are measured against; RunError with the remedy where it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        remedy = f"Install a CPU build of torch, then: pip install 'scrubjay[{extra}]'"
        raise RunError(f"the peer cannot be imported ({error}). {remedy}") from error
