"""Which engine: the best for this machine, or the one asked for if it can run here."""

from __future__ import annotations

from typing import Any

import jax

from envs import registry

_FOLDER = "envs.engines"


def platform() -> str:
    """What JAX runs on: `cpu`, `tpu`, `cuda` (NVIDIA) or `rocm` (AMD), of which JAX calls both `gpu`."""
    backend = jax.default_backend()
    if backend != "gpu":
        return backend
    return "rocm" if "rocm" in jax.devices()[0].client.platform_version.lower() else "cuda"


def automatic() -> str:
    """`c` on CPUs, `warp` on NVIDIA GPUs where it is installed, `mjx` on everything else."""
    if platform() == "cpu":
        return "c"
    if platform() == "cuda" and not registry.kind(_FOLDER, "warp").refusal():
        return "warp"
    return "mjx"


def engine(name: str) -> type[Any]:
    """The class of an engine, or of the best one for `auto`. EnvError where it does not exist or cannot run."""
    if name not in ("auto", *registry.names(_FOLDER)):
        raise registry.unknown("engine", name, ["auto", *registry.names(_FOLDER)])
    found = registry.kind(_FOLDER, automatic() if name == "auto" else name)
    if refusal := found.refusal():
        raise registry.EnvError(f"engine {name!r} cannot run here: {refusal}. Use engine {automatic()!r} instead.")
    return found
