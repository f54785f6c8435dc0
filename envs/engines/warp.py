"""Engine `warp`: MuJoCo Warp below mjx, for NVIDIA GPUs; the same kernels run, slowly, on the CPU.

It is mjx with another implementation: the interface, the state and the reads are those of engine `mjx`. What differs
is that contacts live in one list for all environments, whose length is fixed when a program is traced. An environment
whose contacts or constraints do not fit has failed, since MuJoCo Warp drops those in excess.
"""

from __future__ import annotations

import math
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import mujoco

from envs.choice import platform
from envs.engines.mjx import Mjx, silently
from envs.physics import CURRENT, Fresh, Parts, Physics, Reads
from envs.registry import EnvError

CONTACTS = 48
"""Room for contacts, and for pairs near enough to be looked at, per environment on average (MuJoCo Warp's default)."""

_HARMLESS = ("CONTACT_MATCH", "ITERATIONS", "LS_ITERATIONS")
"""Limits of precision, which all engines have; the others mean that something was left out."""


class Warp(Mjx):
    """MuJoCo Warp; the device runs all environments at once, so `threads` has no meaning."""

    implementation: ClassVar[str] = "warp"

    def __init__(
        self, model: mujoco.MjModel, part_names: list[str], substeps: int, threads: int, reads: Reads = CURRENT
    ) -> None:
        if reads.fields:
            raise EnvError(f"engine 'warp' does not give {', '.join(reads.fields)}, which this task reads. Use 'mjx'.")
        with silently():
            settings: Any = import_module("warp")  # by name: it is there only with the extra `warp`
            settings.config.log_level = settings.LOG_WARNING  # or it would report every kernel that it compiles
            super().__init__(model, part_names, substeps, threads, reads)
            flags = import_module("mujoco.mjx.warp").mjwp_types.OverflowType
        self._overflows = int(flags.ALL & ~sum(flags[name] for name in _HARMLESS))
        # kernels would print a line per environment and step; `bad` says it instead
        self._on_device = self._on_device.tree_replace({"opt._impl.warn_overflow": 0})

    @classmethod
    def refusal(cls) -> str:
        """It needs its package, and a CPU or an NVIDIA GPU."""
        if platform() not in ("cpu", "cuda"):
            return f"it runs on NVIDIA GPUs and CPUs, and JAX runs on {platform()} here"
        if (found := installed()) is None:
            return "it needs warp-lang, which is not installed: pip install 'scrubjay[warp]'"
        with silently():
            if not import_module("mujoco.mjx.warp").WARP_INSTALLED:
                return f"warp-lang {found} is installed but cannot be imported"
        return ""

    def step(
        self, state: dict[str, jax.Array], ctrl: jax.Array, parts: Parts, done: jax.Array, fresh: Fresh
    ) -> tuple[dict[str, jax.Array], Physics, jax.Array]:
        """As the contract says. Axes added by vmap are flattened, so that there is room for everybody's contacts."""
        step = jax.custom_batching.custom_vmap(super().step)

        @step.def_vmap
        def _(size: int, mapped: Any, *arguments: Any) -> Any:
            everywhere = jax.tree.map(
                lambda x, has: x if has else jnp.broadcast_to(x, (size, *x.shape)), arguments, tuple(mapped)
            )
            flat = jax.tree.map(lambda x: x.reshape(math.prod(x.shape[:2]), *x.shape[2:]), everywhere)
            results = jax.tree.map(lambda x: x.reshape(size, len(x) // size, *x.shape[1:]), self.step(*flat))
            return results, jax.tree.map(lambda _: True, results)

        return step(state, ctrl, parts, done, fresh)

    def _blank(self, batch: int) -> Any:
        return self._mjx.make_data(self.model, impl=self.implementation, naconmax=CONTACTS * batch)

    def _refreshed(self, model: Any, data: Any) -> Any:
        """A whole forward pass: mjx offers no part of it that ends with sensors. Forces are kept by the caller."""
        return import_module("mujoco.mjx.warp.forward").forward(model, data)

    def _failed(self, data: Any) -> jax.Array:
        return data._impl.overflow & self._overflows != 0


def installed() -> str | None:
    """The version of warp-lang, if there is one."""
    try:
        return version("warp-lang")
    except PackageNotFoundError:
        return None
