"""Drives: how far the body is from what it needs, and what brings it nearer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from agent.config import option
from agent.meta.neuromodulators import held
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register


@register("drives")
@dataclass(frozen=True)
class DrivesConfig:
    """Homeostatic drives (Keramati & Gutkin 2014, eqs. 1 and 2): D(H) = (Σ |H* - H|^n)^(1/m), and D - D' its reduction.

    H are the inner states, H* their set points. The reduction is the reward of what was done just before; at the first
    decision there is none.
    """

    inputs: ClassVar = {"intero": Input("concat", rank=1)}
    setpoints: tuple[float, ...] = option((1.0,), "H*, one for all, or one for each inner state in turn")
    n: float = option(4.0, "how much more a large need counts than a small one", low=1.0)
    m: float = option(3.0, "how much less several needs count than their sum", low=1.0)
    gate: float | None = option(None, "holds every need at this value", low=0.0)

    def ports(self, inputs: Ports) -> Ports:
        (states,) = inputs["intero"].shape
        if states % len(self.setpoints or (0,) * (states + 1)):
            raise ValueError(
                f"{len(self.setpoints)} set points do not fit {states} inner states. Give as many, or one."
            )
        return Ports(needs=Port((states,)), drive=Port((), "signal"), reduction=Port((), "signal"))


class Drives(Module[DrivesConfig]):
    """Outputs: `needs` |H* - H| `[N]`, the `drive` D, and its `reduction` since the decision before."""

    def initial(self, batch: int) -> State:
        return {"drive": jnp.zeros(batch), "lived": jnp.zeros(batch)}

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        c, inner = self.config, inputs["intero"]
        wanted = jnp.tile(jnp.asarray(c.setpoints), inner.shape[1] // len(c.setpoints))
        needs = held(c.gate, jnp.abs(wanted[None] - inner))
        total = jnp.power(needs, c.n).sum(axis=1)
        drive = jnp.where(total > 0, jnp.power(jnp.maximum(total, 1e-12), 1.0 / c.m), 0.0)
        outputs = {"needs": needs, "drive": drive, "reduction": state["lived"] * (state["drive"] - drive)}
        return {"drive": drive, "lived": jnp.ones_like(drive)}, outputs
