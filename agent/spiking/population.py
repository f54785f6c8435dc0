"""Populations: neurons of one model, with what reaches them, what they tell each other, and how they learn."""

from __future__ import annotations

from typing import TypeVar, cast

import jax
import jax.numpy as jnp
from flax import nnx

from agent.layers import dense
from agent.module import Arrays, Module, State
from agent.ports import Ports
from agent.spiking import events, leaky, plasticity, synapses
from agent.spiking.fresh import shift_for_rate
from agent.spiking.leaky import Reaching, Ticks
from agent.spiking.neurons import LeakyNeuron, keep
from agent.spiking.options import PopulationConfig
from agent.spiking.surrogate import spike
from agent.spiking.synapses import Gates

UNROLLED = 16
"""Up to so many ticks are written out one after the other, which is faster; more are a loop."""

Lived = tuple[State, jax.Array, jax.Array]
"""The state after all ticks of a decision, the spikes `[T, B, N]` on the way, and how many per tick `[B, N]`."""

P = TypeVar("P", bound=PopulationConfig)


class Population(Module[P]):
    """Outputs: `rate` (spikes per tick), `spikes` (every tick), `membrane`, `rate_loss`, and of locally learning ones
    `weight_change`, the root mean square change of each neuron's synapses.

    `current` is a drive that stays for all ticks of a decision; `spikes` `[B, T, I]` arrive tick by tick.
    """

    def __init__(self, config: P, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.neuron = config.neuron
        shift = shift_for_rate(self.neuron, config.rate * config.tick, config.ticks, config.gain)
        self.normed = config.norm and not config.learns_locally and "current" in inputs
        if "current" in inputs:
            self.weights = dense(inputs["current"].shape[0], config.size, rngs, use_bias=self.normed)
        if "spikes" in inputs:
            self.synapses = dense(inputs["spikes"].shape[1], config.size, rngs, use_bias=False)
        if self.normed:
            self.norm = nnx.LayerNorm(config.size, bias_init=nnx.initializers.constant(shift), rngs=rngs)
        else:
            self.bias = nnx.Param(jnp.full((config.size,), shift))
        if config.recurrent:
            spread = config.size**-0.5
            self.lateral = nnx.Param(spread * jax.random.normal(rngs.params(), (config.size, config.size)))
        if config.rule == "eprop":
            errors = inputs["error"].shape[0]
            self.feedback = nnx.Param(errors**-0.5 * jax.random.normal(rngs.params(), (errors, config.size)))

    @property
    def longest(self) -> int:
        """The longest axon, ticks."""
        return max(1, round(self.config.delay / self.config.tick))

    def initial(self, batch: int) -> State:
        c, shape = self.config, (batch, self.config.size)
        state: State = {name: jnp.asarray(x) for name, x in self.neuron.rest(shape).items()}
        if c.synapse != "delta":
            state["gates"] = Gates(jnp.zeros(shape), jnp.zeros(shape))
        if c.recurrent:
            state["sent"] = jnp.zeros((batch, self.longest, c.size))
        if c.learns_locally:
            fan_in = sum(self.inputs[name].shape[-1] for name in ("current", "spikes") if name in self.inputs)
            state["learned"] = plasticity.none(c.rule, batch, fan_in, c.size)
        if c.homeostasis:
            state["shift"] = jnp.zeros(shape)
        return state

    def reset(self, state: State, first: jax.Array) -> State:
        fresh = super().reset(state, first)
        if self.config.learns_locally and self.config.plasticity.lifetime == "life":
            fresh["learned"] = fresh["learned"] | {"change": state["learned"]["change"]}
        return fresh

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        """Gradients stop at the border of a population that learns locally, and reach no weight where none learns."""
        if self.config.learns_locally:
            return jax.lax.stop_gradient(self.live(state, jax.lax.stop_gradient(inputs), key))
        if self.config.rule == "none":
            graph, params = nnx.split(self)
            return nnx.merge(graph, jax.lax.stop_gradient(params)).live(state, inputs, key)
        return self.live(state, inputs, key)

    def spike_driven(self, inputs: Arrays, outputs: Arrays) -> tuple[jax.Array | float, int]:
        size, sources = self.config.size, []
        if "spikes" in inputs:
            sources.append(inputs["spikes"])
        if self.config.recurrent:
            sources.append(outputs["spikes"])
        spikes: jax.Array | float = sum((train.sum(axis=(1, 2)) for train in sources), 0.0)
        return spikes * size, sum(self.config.ticks * train.shape[2] * size for train in sources)

    def live(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        """One decision."""
        c = self.config
        state = self._signalled(state, inputs)
        noise = c.noise * _normal(key, (c.ticks, c.size)).swapaxes(0, 1) if c.noise else None
        run = self._at_once if self.hoists and self._plain else self._in_turn
        state, train, rate = run(state, inputs, self._drive(state, inputs), self._arriving(inputs), noise)
        outputs = {"rate": rate, "spikes": train.swapaxes(0, 1), "membrane": state["v"]}
        outputs["rate_loss"] = jnp.square(rate.mean(axis=1) - c.rate * c.tick)
        state = self._settled(state, inputs, rate)
        if c.learns_locally:
            outputs["weight_change"] = jnp.sqrt(jnp.square(state["learned"]["change"]).mean(axis=1))
        return state, outputs

    def _at_once(
        self, state: State, inputs: Arrays, drive: jax.Array, arriving: jax.Array | None, noise: jax.Array | None
    ) -> Lived:
        """All ticks of leaky neurons whose synapses pass on at once what arrives."""
        c = self.config
        ticks = Ticks(cast("LeakyNeuron", self.neuron), c.surrogate, c.slope, c.ticks, self._unrolled)
        cells = {name: state[name] for name in self.neuron.rest(())}
        moments = arriving if noise is None else noise if arriving is None else arriving + noise
        lateral, heard = (self._laterals(), state["sent"][:, 0]) if c.recurrent else (None, None)
        lived = leaky.live(ticks, Reaching(cells, drive, moments, lateral, heard))
        cells, train, rate = cast("leaky.Lived", lived)
        sent = {"sent": train[-1][:, None]} if c.recurrent else {}
        return state | cells | sent, train, rate

    def _in_turn(
        self, state: State, inputs: Arrays, drive: jax.Array, arriving: jax.Array | None, noise: jax.Array | None
    ) -> Lived:
        """All ticks, one after the other, of any neurons and synapses."""

        def tick(state: State, moment: tuple[jax.Array | None, jax.Array | None]) -> tuple[State, jax.Array]:
            spikes, noise = moment
            return self._tick(state, drive if noise is None else drive + noise, inputs, spikes)

        c = self.config
        state, train = jax.lax.scan(tick, state, (arriving, noise), c.ticks, unroll=self._unrolled)
        return state, train, train.mean(axis=0)

    @property
    def _unrolled(self) -> int:
        return self.config.ticks if self.config.ticks <= UNROLLED else 1

    @property
    def _plain(self) -> bool:
        """Whether nothing but membranes, thresholds and the last spikes is carried from tick to tick."""
        c = self.config
        return isinstance(self.neuron, LeakyNeuron) and c.synapse == "delta" and self.longest == 1 and c.gain == 1.0

    def _arriving(self, inputs: Arrays) -> jax.Array | None:
        """What comes tick by tick, `[T, B, ...]`: spikes, or what weights make of them where that is hoisted."""
        if "spikes" not in inputs:
            return None
        train = synapses.at_ticks(inputs["spikes"], self.config.ticks)
        return events.weighted(train, self.synapses.kernel[...]) if self.hoists else train.swapaxes(0, 1)

    @property
    def hoists(self) -> bool:
        return self.config.hoist and not self.config.learns_locally

    def _drive(self, state: State, inputs: Arrays) -> jax.Array:
        """What stays for all ticks, `[B or 1, N]`."""
        if self.normed:
            drive = self.norm(self.weights(inputs["current"]))
        elif "current" in inputs and not self.config.learns_locally:
            drive = self.weights(inputs["current"]) + self.bias[...][None]
        else:
            drive = self.bias[...][None]
        return drive + state["shift"] if self.config.homeostasis else drive

    def _tick(
        self, state: State, drive: jax.Array, inputs: Arrays, spikes: jax.Array | None
    ) -> tuple[State, jax.Array]:
        c, state, before = self.config, dict(state), state
        if c.learns_locally:
            drive = drive + self._plastic(state, inputs.get("current"), spikes)
        elif spikes is not None:
            drive = drive + (spikes if self.hoists else self.synapses(spikes))
        if c.recurrent:
            heard = synapses.arrived(state["sent"], synapses.delays(c.size, self.longest))
            drive = drive + heard @ self._laterals()
        current = self._through(state, c.gain * drive)
        cells = {name: state[name] for name in self.neuron.rest(())}
        after, fired = self.neuron.tick(cells, current, lambda v: spike(v, c.surrogate, c.slope))
        state.update(after)
        if c.recurrent:
            state["sent"] = synapses.shifted(state["sent"], fired)
        if c.learns_locally:
            state["learned"] = self._traced(before, current, _side_by_side(inputs.get("current"), spikes), fired)
        return state, fired

    def _laterals(self) -> jax.Array:
        """Weights between neurons, `[from, to]`."""
        if not self.config.inhibitory:
            return self.lateral[...]
        return jnp.abs(self.lateral[...]) * synapses.signs(self.config.size, self.config.inhibitory)[:, None]

    def _through(self, state: State, arriving: jax.Array) -> jax.Array:
        """What arrives as current; moves the gates of the synapses."""
        c = self.config
        if c.synapse == "delta":
            return arriving
        decay = keep(c.tick, c.tau_excitation), keep(c.tick, c.tau_inhibition)
        state["gates"] = state["gates"].after(synapses.split(arriving), decay)
        if c.synapse == "current":
            return state["gates"].current()
        return state["gates"].current_at(state["v"], self.neuron.resting, self.neuron.reversals)

    def _born(self) -> jax.Array:
        """The weights of all inputs without what they have learned, `[I, N]`."""
        layers = [layer for name, layer in (("current", "weights"), ("spikes", "synapses")) if name in self.inputs]
        return jnp.concatenate([getattr(self, layer).kernel[...] for layer in layers])

    def _plastic(self, state: State, current: jax.Array | None, spikes: jax.Array | None) -> jax.Array:
        pre = _side_by_side(current, spikes)
        return pre @ self._born() + jnp.einsum("bi,bin->bn", pre, state["learned"]["change"])

    def _traced(self, before: State, current: jax.Array, pre: jax.Array, post: jax.Array) -> plasticity.Traces:
        """The traces of all synapses after a tick."""
        c, p, traces = self.config, self.config.plasticity, before["learned"]
        if c.rule == "eprop" and isinstance(self.neuron, LeakyNeuron):
            eligible = plasticity.Eligible(self.neuron, c.surrogate, c.slope)
            return eligible(p, traces, before, current, pre, c.tick)
        if c.rule == "oja":
            return traces
        return {"stdp": plasticity.stdp, "three_factor": plasticity.gated}[c.rule](p, traces, pre, post, c.tick)

    def _signalled(self, state: State, inputs: Arrays) -> State:
        """What was broadcast to all synapses since the last decision changes those that are eligible."""
        p, traces = self.config.plasticity, state.get("learned")
        if self.config.rule == "three_factor":
            return state | {"learned": plasticity.reward(p, traces, inputs["dopamine"])}
        if self.config.rule == "eprop":
            return state | {"learned": plasticity.descend(p, traces, inputs["error"] @ self.feedback[...])}
        return state

    def _settled(self, state: State, inputs: Arrays, rate: jax.Array) -> State:
        """Changes that go with the rates of a decision."""
        c = self.config
        if c.rule == "oja":
            trains = inputs["spikes"].mean(axis=1) if "spikes" in inputs else None
            pre = _side_by_side(inputs.get("current"), trains)
            state = state | {"learned": plasticity.oja(c.plasticity, state["learned"], self._born(), pre, rate)}
        if c.homeostasis:
            miss = c.rate * c.tick - jax.lax.stop_gradient(rate)
            state = state | {"shift": state["shift"] + c.homeostasis * miss}
        return state


def _side_by_side(current: jax.Array | None, spikes: jax.Array | None) -> jax.Array:
    return jnp.concatenate([x for x in (current, spikes) if x is not None], axis=1)


def _normal(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Normal numbers `[B, *shape]` from B keys."""
    return jax.vmap(lambda k: jax.random.normal(k, shape))(key)
