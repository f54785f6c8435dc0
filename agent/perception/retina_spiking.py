"""A retina whose ganglion cells spike: what is seen becomes trains of spikes, by rate, by latency or by population."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
from flax import nnx

from agent.config import option
from agent.layers import dense, flatten
from agent.module import DECISION_SECONDS, Arrays, Module, State
from agent.perception.retina import IMAGE, RetinaConvConfig, unfold, windows
from agent.ports import Port, Ports
from agent.registry import register
from agent.spiking.fresh import shift_for_rate
from agent.spiking.neurons import LeakyNeuron, keep
from agent.spiking.surrogate import Surrogate, spike

Coding = Literal["rate", "latency", "population"]


@register("retina_spiking")
@dataclass(frozen=True)
class RetinaSpikingConfig(RetinaConvConfig):
    """A convolution along the rays into bipolar cells, whose activity 0..1 reaches ganglion cells in spikes.

    rate: a cell sends as many spikes, evenly spaced, as its activity asks for: s = [Σ x > Σ s + 1/2] at each tick.
    latency: one spike, the earlier the stronger, none at 0 (Thorpe 1990; linear, as in Park et al. 2020).
    population: each activity reaches several cells with Gaussian receptive fields around evenly spaced centres, which
    then code by rate (after PopSAN; Tang et al. 2021, eq. 1).
    Spikes drive leaky ganglion cells tick by tick; `code` is their rate, spikes per tick.
    """

    inputs: ClassVar = IMAGE
    coding: Coding = option("rate", "how activities become spikes")
    fields: int = option(3, "cells per activity, of population coding", low=2)
    ticks: int = option(5, "ticks per decision", low=2, high=100)
    tau_mem: float = option(20e-3, "membrane time constant of the ganglion cells", unit="s", low=1e-4)
    rate: float = option(10.0, "mean rate of fresh ganglion cells", unit="Hz", low=0.1)
    surrogate: Surrogate = option("fast_sigmoid", "the gradient of a spike")
    slope: float = option(2.0, "how narrow that gradient is", low=0.01)

    @property
    def neuron(self) -> LeakyNeuron:
        return LeakyNeuron(keep(DECISION_SECONDS / self.ticks, self.tau_mem))

    def ports(self, inputs: Ports) -> Ports:
        rows_of_cells = windows(inputs["image"].shape[1], self) * self.channels
        coded = rows_of_cells * (self.fields if self.coding == "population" else 1)
        spikes = Port((self.ticks, self.width), "spikes")
        return Ports(super().ports(inputs), spikes=spikes, coded=Port((self.ticks, coded), "spikes"))


class RetinaSpiking(Module[RetinaSpikingConfig]):
    """Outputs: `code` (rates), `spikes` of the ganglion cells, `coded`, the spikes of the cells before them."""

    def __init__(self, config: RetinaSpikingConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        rows, _, channels = inputs["image"].shape
        self.bipolar = dense(config.kernel * rows * channels, config.channels, rngs)
        (_, coded) = config.ports(inputs)["coded"].shape
        self.synapses = dense(coded, config.width, rngs)
        shift = shift_for_rate(config.neuron, config.rate * DECISION_SECONDS / config.ticks, config.ticks)
        self.norm = nnx.LayerNorm(config.width, bias_init=nnx.initializers.constant(shift), rngs=rngs)

    def initial(self, batch: int) -> State:
        return {"v": jnp.zeros((batch, self.config.width))}

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        image = inputs["image"].swapaxes(1, 2)  # rays first: [B, rays, rows, channels]
        x = image.reshape(*image.shape[:2], -1)
        activity = flatten(jnp.clip(nnx.relu(self.bipolar(unfold(x, self.config))), 0.0, 1.0))
        coded = encode(activity, self.config.coding, self.config.ticks, self.config.fields)
        drive = self.norm(self.synapses(coded))
        cells: dict[str, Any] = state
        train, fire = [], partial(spike, surrogate=self.config.surrogate, beta=self.config.slope)
        for tick in range(self.config.ticks):
            cells, fired = self.config.neuron.tick(cells, drive[:, tick], fire)
            train.append(fired)
        spikes = jnp.stack(train, axis=1)
        return cells, {"code": spikes.mean(axis=1), "spikes": spikes, "coded": coded}

    def spike_driven(self, inputs: Arrays, outputs: Arrays) -> tuple[jax.Array | float, int]:
        coded = outputs["coded"]
        return coded.sum(axis=(1, 2)) * self.config.width, coded.shape[1] * coded.shape[2] * self.config.width


def encode(activity: jax.Array, coding: Coding, ticks: int, fields: int = 3) -> jax.Array:
    """Activities 0..1 `[B, N]` as spikes `[B, ticks, N]`, or `[B, ticks, N fields]` of population coding."""
    if coding == "latency":
        return latency(activity, ticks)
    return evenly(receptive_fields(activity, fields) if coding == "population" else activity, ticks)


def evenly(activity: jax.Array, ticks: int) -> jax.Array:
    """As many spikes as the activity asks for, evenly spaced; the gradient is that of the activity itself."""
    train, sent = [], jnp.zeros_like(activity)
    for tick in range(ticks):
        fired = spike((tick + 1.0) * jax.lax.stop_gradient(activity) - sent - 0.5)
        sent = sent + fired
        train.append(fired + activity - jax.lax.stop_gradient(activity))
    return jnp.stack(train, axis=1)


def latency(activity: jax.Array, ticks: int) -> jax.Array:
    """One spike at tick ⌊T (1 - x)⌋, none for x = 0; the gradient is that of a spike shared by two ticks."""
    due = (ticks * (1.0 - activity))[:, None] - jnp.arange(ticks)[None, :, None]
    fired = ((due >= 0.0) & (due < 1.0) & (activity > 0.0)[:, None]).astype(activity.dtype)
    shared = nnx.relu(1.0 - jnp.abs(due))
    return fired + shared - jax.lax.stop_gradient(shared)


def receptive_fields(activity: jax.Array, fields: int) -> jax.Array:
    """exp(-(x - μ)² / 2σ²) for centres μ from 0 to 1, σ half their distance: `[B, N]` -> `[B, N fields]`."""
    centres = jnp.linspace(0.0, 1.0, fields)
    width = 0.5 / (fields - 1)
    return flatten(jnp.exp(-jnp.square(activity[:, :, None] - centres[None, None]) / (2.0 * width**2)))
