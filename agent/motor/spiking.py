"""A motor cortex of spiking neurons: population-coded actions."""

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
from agent.motor.gaussian import DRIVES, motor_ports, widened
from agent.ports import Port, Ports
from agent.registry import register
from agent.spiking.surrogate import Surrogate, spike


@register("spiking_motor")
@dataclass(frozen=True)
class SpikingMotorConfig:
    """Two layers of current-based LIF neurons; the rates of a population per action are read out linearly.

    After PopSAN (Tang, Kumar, Yoo & Michmizos 2021, eqs. 3-5): c[t] = d_c c[t-1] + W s[t] + b;
    v[t] = d_v v[t-1] (1 - o[t-1]) + c[t]; o[t] = [v[t] > 1/2]. Its receptive-field encoder is left to the modules in
    front of it. All neurons start a decision at rest. `exploration` widens the policy as in `gaussian_motor`.
    """

    inputs: ClassVar = DRIVES
    size: int = option(64, "hidden neurons", low=1)
    population: int = option(10, "output neurons per action", low=1)
    ticks: int = option(5, "ticks per decision", low=1, high=100)
    current_decay: float = option(0.5, "d_c, decay of the synaptic current over a tick", low=0.0, high=1.0)
    membrane_decay: float = option(0.75, "d_v, decay of the membrane over a tick", low=0.0, high=1.0)
    std: float = option(0.6, "deviation of a fresh policy, in units of the action", low=1e-3)
    surrogate: Surrogate = option("fast_sigmoid", "the gradient of a spike")
    slope: float = option(2.0, "how narrow that gradient is", low=0.01)

    def ports(self, inputs: Ports) -> Ports:
        (actions,) = inputs["previous"].shape
        neurons = self.size + actions * self.population
        return Ports(motor_ports(inputs), spikes=Port((self.ticks, neurons), "spikes"))


class SpikingMotor(Module[SpikingMotorConfig]):
    """Outputs: `action`, `policy`, and the `spikes` of both layers."""

    def __init__(self, config: SpikingMotorConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        (drive,), (actions,) = inputs["drive"].shape, inputs["previous"].shape
        self.hidden = dense(drive + actions, config.size, rngs, gain=1.0)
        self.norm = nnx.LayerNorm(config.size, rngs=rngs)
        self.output = dense(config.size, actions * config.population, rngs, gain=2.0)
        self.readout = nnx.Param(jax.random.normal(rngs.params(), (actions, config.population)) / config.population)
        self.offset = nnx.Param(jnp.zeros((actions,)))
        self.log_std = nnx.Param(jnp.full((actions,), jnp.log(config.std)))

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        drive = self.norm(self.hidden(jnp.concatenate([inputs["drive"], inputs["previous"]], axis=1)))
        spikes = self._fire(drive)
        rates = spikes[:, :, self.config.size :].mean(axis=1).reshape(drive.shape[0], *self.readout.shape)
        mean = jnp.einsum("bap,ap->ba", rates, self.readout[...]) + self.offset[...][None]
        gaussian = policy.pack(mean, widened(self.log_std[...], inputs))
        return state, {"action": policy.sample(gaussian, key), "policy": gaussian, "spikes": spikes}

    def spike_driven(self, inputs: Arrays, outputs: Arrays) -> tuple[jax.Array | float, int]:
        hidden, reached = outputs["spikes"][:, :, : self.config.size], self.output.out_features
        return hidden.sum(axis=(1, 2)) * reached, self.config.ticks * self.config.size * reached

    def _fire(self, drive: jax.Array) -> jax.Array:
        """Spikes of both layers, `[B, ticks, N]`, under a constant drive."""
        layers = [Layer(self.config, drive.shape), Layer(self.config, (drive.shape[0], self.output.out_features))]
        train = []
        for _ in range(self.config.ticks):
            hidden = layers[0].tick(drive)
            train.append(jnp.concatenate([hidden, layers[1].tick(self.output(hidden))], axis=1))
        return jnp.stack(train, axis=1)


class Layer:
    """Currents, membranes and spikes of one layer during one decision."""

    def __init__(self, config: SpikingMotorConfig, shape: tuple[int, ...]) -> None:
        self.config = config
        self.c = self.v = self.o = jnp.zeros(shape)

    def tick(self, drive: jax.Array) -> jax.Array:
        self.c = self.config.current_decay * self.c + drive
        self.v = self.config.membrane_decay * self.v * (1.0 - self.o) + self.c
        self.o = spike(self.v - 0.5, self.config.surrogate, self.config.slope)
        return self.o
