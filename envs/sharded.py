"""One batch of environments over several JAX devices: each device steps its own share with its own simulations.

Only the engine has to be told. All else of a world is JAX, and its arrays follow the shares that the engine leaves.
"""

from __future__ import annotations

import os
from typing import Any

import jax
from jax.sharding import Mesh, PartitionSpec

from envs.registry import EnvError

AXIS = "batch"


def spread(engine: Any, devices: int) -> Any:
    """An engine that was just made, its `step` shared out over the first `devices` devices, `[B / devices]` each."""
    if devices > 1:
        share = PartitionSpec(AXIS)
        engine.step = jax.shard_map(
            engine.step,
            mesh=Mesh(jax.devices()[:devices], (AXIS,)),
            in_specs=share,
            out_specs=share,
            check_vma=False,  # a callback does not tell how what it returns varies over devices
        )
    return engine


def check(devices: Any, batch: int) -> None:
    """EnvError where there are not so many devices, or they cannot share the batch evenly."""
    if type(devices) is not int or devices < 1:
        raise EnvError(f"devices is {devices!r}; a positive whole number of JAX devices is wanted, for example 1.")
    there = len(jax.devices())
    if devices > there:
        raise EnvError(
            f"devices is {devices}, but JAX has {there} here ({jax.default_backend()}). Take at most {there}; "
            f"on a CPU, XLA_FLAGS=--xla_force_host_platform_device_count={devices} makes more."
        )
    if batch % devices:
        low = batch // devices * devices
        near = f"{low} or {low + devices}" if low else str(devices)
        raise EnvError(
            f"devices is {devices}, which cannot share {batch} environments evenly. Take {near} environments."
        )


def most(devices: int, batch: int) -> int:
    """The most devices, at most so many, that this machine has and that share the batch evenly."""
    return next(n for n in range(min(devices, len(jax.devices())), 0, -1) if batch % n == 0)


def threads_each(threads: int, devices: int) -> int:
    """Threads of engine `c` on one device: where none are named (0), all processors are shared out."""
    return threads if threads or devices == 1 else max(1, (os.cpu_count() or 1) // devices)
