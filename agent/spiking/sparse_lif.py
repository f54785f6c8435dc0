"""A large network of leaky neurons with sparse connections that do not learn: a reservoir, a balanced cortex."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from agent.config import option
from agent.layers import dense
from agent.module import DECISION_SECONDS, Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register
from agent.spiking import sparse
from agent.spiking.sparse import Axons, Fan
from agent.spiking.surrogate import Surrogate, spike


@register("sparse_lif")
@dataclass(frozen=True)
class SparseLifConfig:
    """Excitatory and inhibitory leaky neurons, sparsely and randomly connected (Brunel 2000, eqs. 1-2).

    τ v' = -v + I; a spike at v > 1, then v = reset for the refractory time. A spike reaches each of its targets after
    the delay, where it moves v by J, or -g J from inhibitory neurons (`delta`), or a current that decays (`current`, as
    in Vogels & Abbott 2005). Spikes from `background` move v by J too. The connections stay as they were drawn;
    gradients reach the weights of the inputs through the membranes alone.
    """

    inputs: ClassVar = {"current": Input("concat", rank=1)}
    size: int = option(1000, "neurons", low=2)
    inhibitory: float = option(0.2, "part of them that inhibit", low=0.0, high=0.9)
    probability: float = option(0.1, "part of all neurons that a neuron hears", low=0.0, high=1.0)
    weight: float = option(0.02, "J, in units of the threshold", low=0.0)
    balance: float = option(5.0, "g, how much stronger inhibition is", low=0.0)
    delay: float = option(1.5e-3, "of every axon", unit="s", low=0.0)
    synapse: Literal["delta", "current"] = option("delta", "how what arrives moves the membrane")
    tau_excitation: float = option(5e-3, "decay of excitatory currents", unit="s", low=1e-4)
    tau_inhibition: float = option(10e-3, "decay of inhibitory currents", unit="s", low=1e-4)
    ticks: int = option(100, "ticks per decision", low=1, high=10_000)
    tau_mem: float = option(20e-3, "membrane time constant", unit="s", low=1e-4)
    reset: float = option(0.5, "the membrane after a spike, in units of the threshold", high=1.0)
    refractory: float = option(2e-3, "time at rest after a spike", unit="s", low=0.0)
    background: float = option(3000.0, "spikes from outside that reach a neuron", unit="Hz", low=0.0)
    gain: float = option(0.5, "deviation of the input currents of a fresh network", low=0.0)
    connections: int = option(0, "seed of the connections", low=0)
    surrogate: Surrogate = option("fast_sigmoid", "the gradient of a spike")
    slope: float = option(10.0, "how narrow that gradient is", low=0.01)

    def ports(self, inputs: Ports) -> Ports:
        neurons = Port((self.size,))
        spikes, membrane = Port((self.ticks, self.size), "spikes"), Port((self.size,), "signal")
        return Ports(rate=neurons, spikes=spikes, membrane=membrane)

    @property
    def tick(self) -> float:
        """Duration of a tick, s."""
        return DECISION_SECONDS / self.ticks

    @property
    def excitatory(self) -> int:
        return self.size - round(self.size * self.inhibitory)

    @property
    def fan(self) -> Fan:
        """The connections; made anew, the same ones, wherever they are asked for."""
        inhibits = np.arange(self.size) >= self.excitatory
        weights = np.where(inhibits, -self.balance * self.weight, self.weight).astype(np.float32)
        targets = sparse.connect(self.size, self.excitatory, self.probability, self.connections)
        return Fan(targets, weights, self.longest, inhibits.astype(np.int32) if self.synapse == "current" else 0)

    @property
    def channels(self) -> int:
        return 2 if self.synapse == "current" else 1

    @property
    def longest(self) -> int:
        """The delay, ticks."""
        return max(1, round(self.delay / self.tick))


HELD = 1000.0
"""A membrane of so much and more is that of a neuron at rest after a spike, for so many ticks as it is above."""


class Cells(NamedTuple):
    """One network: membranes `[rows, COLUMNS]`, currents of the two kinds of synapse `[2, rows, COLUMNS]`, axons."""

    v: jax.Array
    gates: jax.Array
    axons: Axons


class SparseLif(Module[SparseLifConfig]):
    """Outputs: `rate` (spikes per tick), `spikes`, `membrane`."""

    def __init__(self, config: SparseLifConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.weights = dense(inputs["current"].shape[0], config.size, rngs)
        self.norm = nnx.LayerNorm(config.size, scale_init=nnx.initializers.constant(config.gain), rngs=rngs)

    def initial(self, batch: int) -> State:
        one = rest(self.config)
        return jax.tree.map(lambda x: jnp.broadcast_to(x, (batch, *x.shape)), one)

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        """Environments one after the other: a spike costs what it costs, whoever else is silent."""
        c = self.config
        drive = self.norm(self.weights(inputs["current"]))
        state, count, spikes = jax.lax.map(lambda one: live(c, c.fan, *one), (state, drive, key))
        return state, {"rate": count / c.ticks, "spikes": spikes, "membrane": jax.vmap(partial(membrane, c))(state)}

    def spike_driven(self, inputs: Arrays, outputs: Arrays) -> tuple[jax.Array | float, int]:
        c = self.config
        return outputs["spikes"].sum(axis=(1, 2)) * c.probability * c.size, c.ticks * c.size * c.size


def rest(c: SparseLifConfig) -> Cells:
    """A network that nothing has reached for long; places behind the last neuron never wake."""
    v = sparse.grid(jnp.zeros(c.size), math.inf)
    gates = jnp.zeros((2, *v.shape) if c.synapse == "current" else (0, *v.shape))
    return Cells(v, gates, sparse.silent(c.fan, c.channels, c.longest))


def membrane(c: SparseLifConfig, cells: Cells) -> jax.Array:
    """Membranes `[N]`."""
    v = sparse.ungrid(cells.v, c.size)
    return jnp.where(v >= HELD, c.reset, v)


def live(
    c: SparseLifConfig, fan: Fan, cells: Cells, drive: jax.Array, key: jax.Array
) -> tuple[Cells, jax.Array, jax.Array]:
    """One decision of one network under a drive `[N]`: how often every neuron fired `[N]`, and when `[ticks, N]`.

    When they fired costs more than the rest, and nothing where nobody asks for it.
    """
    steady = sparse.grid(drive)

    def tick(carry: tuple[Cells, jax.Array], key: jax.Array) -> tuple[tuple[Cells, jax.Array], jax.Array]:
        cells, count = carry
        cells, fired = advance(c, fan, cells, steady, key)
        return (cells, count + fired), sparse.ungrid(fired, c.size)

    (cells, count), spikes = jax.lax.scan(tick, (cells, jnp.zeros_like(steady)), jax.random.split(key, c.ticks))
    return cells, sparse.ungrid(count, c.size), spikes


def advance(c: SparseLifConfig, fan: Fan, cells: Cells, drive: jax.Array, key: jax.Array) -> tuple[Cells, jax.Array]:
    """One tick: the cells after it, and spikes (0 or 1, with a surrogate gradient)."""
    axons, arriving = sparse.due(cells.axons, fan, c.channels)
    leak, jump, gates = math.exp(-c.tick / c.tau_mem), arriving[0], cells.gates
    if c.synapse == "current":
        decays = jnp.asarray([math.exp(-c.tick / tau) for tau in (c.tau_excitation, c.tau_inhibition)])
        gates = gates * decays[:, None, None] + arriving
        drive, jump = drive + gates[0] + gates[1], jnp.zeros(())
    if c.background:
        jump = jump + c.weight * poisson(key, c.background * c.tick, drive.shape)
    held = cells.v >= HELD
    v = jnp.where(held, cells.v - 1.0, drive + (cells.v - drive) * leak + jump)
    fired = spike(v - 1.0, c.surrogate, c.slope) * ~held
    spiking = jax.lax.stop_gradient(fired) > 0.0
    wait = round(c.refractory / c.tick)
    v = jnp.where(spiking, HELD + wait if wait else c.reset, jnp.where(held & (v <= HELD), c.reset, v))
    return Cells(v, gates, sparse.sent(axons, fan, spiking, c.channels)), fired


def poisson(key: jax.Array, mean: float, shape: tuple[int, ...]) -> jax.Array:
    """Poisson numbers of a small, known mean, by the inverse of their distribution on 24-bit numbers."""
    most = math.ceil(mean + 6.0 * math.sqrt(mean) + 6.0)
    chances = np.cumsum([math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1.0)) for k in range(most)])
    uniform = jax.random.uniform(key, shape)
    return sum(((uniform > np.float32(p)).astype(jnp.float32) for p in chances), jnp.zeros(shape))
