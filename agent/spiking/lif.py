"""A population of leaky integrate-and-fire neurons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from scipy.special import ndtri

from agent.config import option
from agent.layers import dense
from agent.module import DECISION_SECONDS, Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register
from agent.spiking.surrogate import spike


@register("lif")
@dataclass(frozen=True)
class LifConfig:
    """Leaky integrate-and-fire neurons (Gerstner & Kistler 2002, ch. 4), driven by the weighted sum of their inputs.

    v[t+1] = a v[t] (1 - s[t]) + (1 - a) I, s = [v > 1], a = exp(-dt / tau_mem): exact for an input that is constant
    over a tick. The input is layer-normed and shifted so that a fresh population fires at the target rate.
    """

    inputs: ClassVar = {"current": Input("concat", rank=1)}
    size: int = option(128, "neurons", low=1)
    ticks: int = option(5, "ticks per decision", low=1, high=100)
    tau_mem: float = option(20e-3, "membrane time constant", unit="s", low=1e-4, high=10.0)
    rate: float = option(10.0, "mean rate of a fresh population", unit="Hz", low=0.1, high=500.0)

    def __post_init__(self) -> None:
        if self.rate * self.tick > 0.8:
            raise ValueError(
                f"rate ({self.rate} Hz) is too high for ticks of {1e3 * self.tick:.0f} ms. Use more ticks."
            )

    @property
    def tick(self) -> float:
        """Duration of a tick, s."""
        return DECISION_SECONDS / self.ticks

    @property
    def leak(self) -> float:
        return math.exp(-self.tick / self.tau_mem)

    def ports(self, inputs: Ports) -> Ports:
        return Ports(
            rate=Port((self.size,)),
            spikes=Port((self.ticks, self.size), "spikes"),
            membrane=Port((self.size,), "signal"),
            rate_loss=Port((), "loss"),
        )


class Lif(Module[LifConfig]):
    """Outputs: `rate` (spikes per tick, 0..1), `spikes` (every tick), `membrane` (threshold 1), `rate_loss`."""

    def __init__(self, config: LifConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.weights = dense(inputs["current"].shape[0], config.size, rngs)
        shift = shift_for_rate(config.rate * config.tick, config.leak, config.ticks)
        self.norm = nnx.LayerNorm(config.size, bias_init=nnx.initializers.constant(shift), rngs=rngs)

    def initial(self, batch: int) -> State:
        return {"v": jnp.zeros((batch, self.config.size))}

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        current = self.norm(self.weights(inputs["current"]))
        v, train = integrate(state["v"], current, self.config.leak, self.config.ticks)
        rate = train.mean(axis=1)
        target = self.config.rate * self.config.tick
        return {"v": v}, {
            "rate": rate,
            "spikes": train,
            "membrane": v,
            "rate_loss": jnp.square(rate.mean(axis=1) - target),
        }


def integrate(v: jax.Array, current: jax.Array, leak: float, ticks: int) -> tuple[jax.Array, jax.Array]:
    """Membranes `[B, N]` after `ticks` of a constant current `[B, N]`, and the spikes `[B, ticks, N]` on the way.

    A neuron that spiked starts its next tick from rest.
    """
    train = []
    for _ in range(ticks):
        v = leak * v + (1.0 - leak) * current
        s = spike(v - 1.0)
        train.append(s)
        v = v * (1.0 - s)
    return v, jnp.stack(train, axis=1)


@cache
def shift_for_rate(rate: float, leak: float, ticks: int, neurons: int = 2048, decisions: int = 20) -> float:
    """The mean current at which neurons spike `rate` times a tick, their currents being normal with deviation 1.

    Found by bisection on a simulation over the quantiles of the distribution. For half of the neurons the current
    stays, for the other half it is drawn anew at every decision (which lowers the rate): life lies between the two.
    """
    quantiles, random = ndtri(np.arange(0.5, neurons) / neurons), np.random.default_rng(0)
    currents = [np.concatenate([quantiles, random.permutation(quantiles)]) for _ in range(decisions)]
    low, high = -10.0, 10.0
    for _ in range(30):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _simulated_rate(middle, currents, leak, ticks) < rate else (low, middle)
    return 0.5 * (low + high)


def _simulated_rate(mean: float, currents: list[np.ndarray], leak: float, ticks: int) -> float:
    """Spikes per tick and neuron, from rest."""
    v, spikes = np.zeros_like(currents[0]), 0.0
    for current in currents:
        for _ in range(ticks):
            v = leak * v + (1.0 - leak) * (current + mean)
            spikes += float((v > 1.0).mean())
            v[v > 1.0] = 0.0
    return spikes / (ticks * len(currents))
