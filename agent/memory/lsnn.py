"""Working memory in spikes: a recurrent network some of whose neurons adapt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from agent.config import option
from agent.layers import dense
from agent.memory.gru import let_go
from agent.module import DECISION_SECONDS, Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register
from agent.spiking.fresh import shift_for_rate
from agent.spiking.neurons import LeakyNeuron, keep
from agent.spiking.surrogate import spike


@register("lsnn")
@dataclass(frozen=True)
class LsnnConfig:
    """A long short-term spiking network (Bellec, Salaj, Subramoney, Legenstein & Maass 2018).

    Leaky neurons that reach each other; those of the part `adaptive` raise their threshold by β with every spike, which
    falls back over tau_adapt: a memory of seconds in cells of milliseconds. `state` is what each has fired lately.
    `reset` lets go of it as in `gru`.
    """

    inputs: ClassVar = {"input": Input("concat", rank=1), "reset": Input("sum", rank=0, optional=True)}
    size: int = option(128, "neurons", low=1)
    adaptive: float = option(0.5, "part of the neurons that adapt", low=0.0, high=1.0)
    ticks: int = option(5, "ticks per decision", low=1, high=100)
    tau_mem: float = option(20e-3, "membrane time constant", unit="s", low=1e-4)
    tau_adapt: float = option(2.0, "decay of the thresholds that adapt", unit="s", low=1e-3)
    adaptation: float = option(0.3, "β, how much a spike raises them", low=0.0)
    tau_read: float = option(0.1, "decay of what is read of a spike", unit="s", low=1e-3)
    rate: float = option(10.0, "mean rate of a fresh network without recurrence", unit="Hz", low=0.1)

    def ports(self, inputs: Ports) -> Ports:
        spikes, neurons = Port((self.ticks, self.size), "spikes"), Port((self.size,))
        return Ports(state=neurons, spikes=spikes, threshold=Port((self.size,), "signal"))

    @property
    def tick(self) -> float:
        return DECISION_SECONDS / self.ticks

    @property
    def neuron(self) -> LeakyNeuron:
        return LeakyNeuron(keep(self.tick, self.tau_mem), keep(self.tick, self.tau_adapt), max(self.adaptation, 1e-9))


class Lsnn(Module[LsnnConfig]):
    """Outputs: `state` (low-passed spikes), `spikes`, `threshold`."""

    def __init__(self, config: LsnnConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        plain = LeakyNeuron(config.neuron.leak)
        shift = shift_for_rate(plain, config.rate * config.tick, config.ticks)
        self.weights = dense(inputs["input"].shape[0], config.size, rngs)
        self.norm = nnx.LayerNorm(config.size, bias_init=nnx.initializers.constant(shift), rngs=rngs)
        self.lateral = dense(config.size, config.size, rngs, gain=1.0, use_bias=False)

    def initial(self, batch: int) -> State:
        zeros = jnp.zeros((batch, self.config.size))
        return {"v": zeros, "a": zeros, "fired": zeros, "trace": zeros}

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        state = let_go(state, inputs)
        drive, train = self.norm(self.weights(inputs["input"])), []
        for _ in range(self.config.ticks):
            state = self._tick(state, drive)
            train.append(state["fired"])
        threshold = 1.0 + self.config.adaptation * state["a"]
        return state, {"state": state["trace"], "spikes": jnp.stack(train, axis=1), "threshold": threshold}

    def spike_driven(self, inputs: Arrays, outputs: Arrays) -> tuple[jax.Array | float, int]:
        size = self.config.size
        return outputs["spikes"].sum(axis=(1, 2)) * size, self.config.ticks * size * size

    def _tick(self, state: State, drive: jax.Array) -> State:
        cells = {"v": state["v"], "a": state["a"]}
        cells, fired = self.config.neuron.tick(cells, drive + self.lateral(state["fired"]), spike)
        cells["a"] = cells["a"] * (jnp.arange(self.config.size) < self._adaptive)[None]
        kept = keep(self.config.tick, self.config.tau_read)
        return cells | {"fired": fired, "trace": kept * state["trace"] + (1.0 - kept) * fired}

    @property
    def _adaptive(self) -> int:
        return round(self.config.adaptive * self.config.size)
