"""A large network of leaky neurons with sparse connections that do not learn: a reservoir, a balanced cortex."""

from __future__ import annotations

import math
from dataclasses import dataclass
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
    def longest(self) -> int:
        """The delay, ticks."""
        return max(1, round(self.delay / self.tick))


class Cells(NamedTuple):
    """One network; arrays are `[rows, COLUMNS]`, `gates` of the two synaptic currents `[2, rows, COLUMNS]`."""

    v: jax.Array
    free: jax.Array
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
        state, spikes = jax.lax.map(lambda one: live(c, c.fan, *one), (state, drive, key))
        membrane = jax.vmap(lambda v: sparse.ungrid(v, c.size))(state.v)
        return state, {"rate": spikes.mean(axis=1), "spikes": spikes, "membrane": membrane}

    def spike_driven(self, inputs: Arrays, outputs: Arrays) -> tuple[jax.Array | float, int]:
        c = self.config
        return outputs["spikes"].sum(axis=(1, 2)) * c.probability * c.size, c.ticks * c.size * c.size


def rest(c: SparseLifConfig) -> Cells:
    """A network that nothing has reached for long."""
    shape = (sparse.padded(c.size) // sparse.COLUMNS, sparse.COLUMNS)
    channels = 2 if c.synapse == "current" else 1
    axons = sparse.silent(c.fan, channels, c.longest)
    gates = jnp.zeros((2, *shape) if c.synapse == "current" else (0, *shape))
    silent = sparse.grid(jnp.zeros(c.size), math.inf)
    return Cells(jnp.zeros(shape), silent, gates, axons)


def live(c: SparseLifConfig, fan: Fan, cells: Cells, drive: jax.Array, key: jax.Array) -> tuple[Cells, jax.Array]:
    """One decision of one network under a drive `[N]`: its spikes `[ticks, N]`."""
    steady = sparse.grid(drive)

    def tick(cells: Cells, moment: tuple[jax.Array, jax.Array]) -> tuple[Cells, jax.Array]:
        time, key = moment
        cells, fired = advance(c, fan, cells, steady, time, key)
        return cells, sparse.ungrid(fired, c.size)

    keys = jax.random.split(key, c.ticks)
    cells, spikes = jax.lax.scan(tick, cells, (jnp.arange(c.ticks, dtype=jnp.float32), keys))
    return cells._replace(free=cells.free - c.ticks), spikes


def advance(
    c: SparseLifConfig, fan: Fan, cells: Cells, drive: jax.Array, time: jax.Array, key: jax.Array
) -> tuple[Cells, jax.Array]:
    """One tick: the cells after it, and spikes (0 or 1, with a surrogate gradient)."""
    axons, arriving = sparse.due(cells.axons, c.size)
    leak = math.exp(-c.tick / c.tau_mem)
    jump, gates = arriving[0], cells.gates
    if c.synapse == "current":
        decays = jnp.asarray([math.exp(-c.tick / tau) for tau in (c.tau_excitation, c.tau_inhibition)])
        gates = gates * decays[:, None, None] + arriving
        drive, jump = drive + gates[0] + gates[1], jnp.zeros(())
    if c.background:
        jump = jump + c.weight * poisson(key, c.background * c.tick, drive.shape)
    awake = cells.free <= time
    v = jnp.where(awake, drive + (cells.v - drive) * leak + jump, c.reset)
    fired = spike(v - 1.0, c.surrogate, c.slope) * awake
    spiking = jax.lax.stop_gradient(fired) > 0.0
    v = v + (c.reset - v) * fired
    free = jnp.where(spiking, time + 1.0 + round(c.refractory / c.tick), cells.free)
    return Cells(v, free, gates, sparse.sent(axons, fan, spiking)), fired


def poisson(key: jax.Array, mean: float, shape: tuple[int, ...]) -> jax.Array:
    """Poisson numbers of a small, known mean, by the inverse of their distribution on 24-bit numbers."""
    most = math.ceil(mean + 6.0 * math.sqrt(mean) + 6.0)
    chances = np.cumsum([math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1.0)) for k in range(most)])
    uniform = jax.random.uniform(key, shape)
    return sum(((uniform > np.float32(p)).astype(jnp.float32) for p in chances), jnp.zeros(shape))
