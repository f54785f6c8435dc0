"""A motor cortex of rates: a Gaussian over actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from agent.config import option
from agent.layers import dense
from agent.module import Arrays, Module, State
from agent.motor import policy
from agent.ports import Input, Port, Ports
from agent.registry import register

DRIVES = {
    "drive": Input("concat", rank=1),
    "previous": Input("one", rank=1),
    "exploration": Input("sum", rank=0, optional=True),
}


def motor_ports(inputs: Ports) -> dict[str, Port]:
    """The ports of every motor; the previous action (an efference copy) tells how many actions there are."""
    (actions,) = inputs["previous"].shape
    return {"action": Port((actions,), "action"), "policy": Port((2 * actions,), "policy")}


def widened(log_std: jax.Array, inputs: Arrays) -> jax.Array:
    """Log deviations `[A]`, as they are or plus what `exploration` `[B]` adds, with an axis in front."""
    return log_std[None] + inputs["exploration"][:, None] if "exploration" in inputs else log_std[None]


@register("gaussian_motor")
@dataclass(frozen=True)
class GaussianMotorConfig:
    """A perceptron gives the means of a diagonal Gaussian; its deviations are free parameters (Williams 1992).

    Where `exploration` is wired, they are e^exploration times as wide: noradrenaline is a temperature (Doya 2002).
    """

    inputs: ClassVar = DRIVES
    hidden: int = option(64, "hidden units", low=1)
    std: float = option(0.6, "deviation of a fresh policy, in units of the action", low=1e-3)

    def ports(self, inputs: Ports) -> Ports:
        return Ports(motor_ports(inputs))


class GaussianMotor(Module[GaussianMotorConfig]):
    def __init__(self, config: GaussianMotorConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        (drive,), (actions,) = inputs["drive"].shape, inputs["previous"].shape
        self.hidden = dense(drive + actions, config.hidden, rngs)
        self.mean = dense(config.hidden, actions, rngs, gain=0.01)
        self.log_std = nnx.Param(jnp.full((actions,), jnp.log(config.std)))

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        drive = jnp.concatenate([inputs["drive"], inputs["previous"]], axis=1)
        mean = self.mean(nnx.tanh(self.hidden(drive)))
        gaussian = policy.pack(mean, widened(self.log_std[...], inputs))
        return state, {"action": policy.sample(gaussian, key), "policy": gaussian}
