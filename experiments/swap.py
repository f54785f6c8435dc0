"""A trained brain with modules from elsewhere in the place of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import jax

from agent.circuit import Params
from agent.errors import ConfigError, unknown
from experiments.run import Run

KEPT = ("ticks", "rate")
"""Options that the newcomer takes over."""


def swapped(run: Run, params: Params, files: Mapping[str, str]) -> tuple[Run, Params]:
    """The run and its weights with modules read from `.nir` files, `{module: path}`; the wires stay."""
    modules = dict(run.setup.agent["modules"])
    for name, path in files.items():
        if name not in modules:
            raise ConfigError(f"--swap {name}={path}: {unknown('module', name, modules)}")
        modules[name] = {"kind": "nir", "path": path} | {k: modules[name][k] for k in KEPT if k in modules[name]}
    other = replace(run, setup=replace(run.setup, agent={**run.setup.agent, "modules": modules}))
    fresh = other.circuit.init(jax.random.key(0))
    return other, {name: fresh[name] if name in files else params[name] for name in other.circuit.modules}
