"""Synapses that learn by local rules within a life: what changes is state, not params, and needs no gradient.

A rule sees the activity on both sides of a synapse, tick by tick, and at every decision what was broadcast to all. Its
traces are a dict of arrays for I inputs and N neurons; `change` `[B, I, N]` is what the synapses have learned on top of
the weights that they were born with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp

from agent.config import option
from agent.spiking.neurons import Cells, LeakyNeuron, keep
from agent.spiking.surrogate import Surrogate, slope

Rule = Literal["bptt", "none", "stdp", "three_factor", "oja", "eprop"]
LOCAL: tuple[Rule, ...] = ("stdp", "three_factor", "oja", "eprop")
Traces = dict[str, jax.Array]
_TRACES: dict[Rule, str] = {
    "stdp": "pre post",
    "three_factor": "pre post eligibility",
    "oja": "",
    "eprop": "potential adapted eligibility",
}


@dataclass(frozen=True)
class Plasticity:
    """What the local rules have in common, and what each needs."""

    rate: float = option(0.01, "learning rate, weight per unit of the rule", low=0.0)
    tau_pre: float = option(20e-3, "decay of the trace of an input spike", unit="s", low=1e-4)
    tau_post: float = option(20e-3, "decay of the trace of a neuron's spike", unit="s", low=1e-4)
    potentiation: float = option(1.0, "A+, for an input spike just before the neuron's")
    depression: float = option(1.05, "A-, for an input spike just after the neuron's")
    tau_eligibility: float = option(0.2, "decay of the eligibility that waits for a signal", unit="s", low=1e-3)
    bound: float = option(2.0, "largest change of a weight, either way", low=0.0)
    lifetime: Literal["episode", "life"] = option("episode", "how long what was learned is kept")


def none(rule: Rule, batch: int, inputs: int, neurons: int) -> Traces:
    """The traces of a rule before anything has happened."""
    shapes = {"pre": (batch, inputs), "post": (batch, neurons)}
    names = ["change", *_TRACES[rule].split()]
    return {name: jnp.zeros(shapes.get(name, (batch, inputs, neurons))) for name in names}


def pair(p: Plasticity, traces: Traces, pre: jax.Array, post: jax.Array, tick: float) -> tuple[Traces, jax.Array]:
    """Spike-timing-dependent plasticity of all pairs (Song, Miller & Abbott 2000): new traces, and ΔW `[B, I, N]`.

    ΔW = A+ exp(-Δt / τ+) for Δt = t_post - t_pre > 0, -A- exp(Δt / τ-) for Δt < 0, nothing for Δt = 0.
    """
    pre_trace, post_trace = traces["pre"] * keep(tick, p.tau_pre), traces["post"] * keep(tick, p.tau_post)
    change = p.potentiation * outer(pre_trace, post) - p.depression * outer(pre, post_trace)
    return traces | {"pre": pre_trace + pre, "post": post_trace + post}, change


def stdp(p: Plasticity, traces: Traces, pre: jax.Array, post: jax.Array, tick: float) -> Traces:
    """Every pair of spikes changes its synapse at once."""
    traces, change = pair(p, traces, pre, post, tick)
    return learn(p, traces, change)


def gated(p: Plasticity, traces: Traces, pre: jax.Array, post: jax.Array, tick: float) -> Traces:
    """What pairs would have changed waits as eligibility, e ← e exp(-dt / τ_e) + ΔW (Izhikevich 2007, eq. 1)."""
    traces, change = pair(p, traces, pre, post, tick)
    return traces | {"eligibility": traces["eligibility"] * keep(tick, p.tau_eligibility) + change}


def reward(p: Plasticity, traces: Traces, dopamine: jax.Array) -> Traces:
    """Δw = η d e, the third factor d `[B]` being broadcast to all synapses (Frémaux & Gerstner 2016, eq. 3)."""
    return learn(p, traces, dopamine[:, None, None] * traces["eligibility"])


@dataclass(frozen=True)
class Eligible:
    """Eligibility of e-prop for leaky neurons (Bellec et al. 2020, eqs. 22-25), as exact as our reset asks.

    ε ← α (1 - s) ε + (1 - α) x, the influence of a weight on the membrane; e = ψ (ε - β ε_a), on the spike;
    ε_a ← ρ ε_a + e, on the threshold; what waits for the learning signal is e, low-passed.
    """

    neuron: LeakyNeuron
    surrogate: Surrogate
    beta: float

    def __call__(
        self, p: Plasticity, traces: Traces, before: Cells, current: jax.Array, pre: jax.Array, tick: float
    ) -> Traces:
        """One tick: `before` is the neurons' state when `current` reached them together with `pre`."""
        above = self.neuron.above(before, current)
        psi = slope(above, self.surrogate, self.beta)[:, None, :]
        potential = traces["potential"] * self.neuron.leak + (1.0 - self.neuron.leak) * pre[:, :, None]
        e = psi * (potential - self.neuron.adaptation * traces["adapted"])
        stays = 1.0 if self.neuron.subtract else jnp.where(above > 0, 0.0, 1.0)[:, None, :]
        return traces | {
            "potential": potential * stays,
            "adapted": self.neuron.retain * traces["adapted"] + e,
            "eligibility": traces["eligibility"] * keep(tick, p.tau_eligibility) + e,
        }


def descend(p: Plasticity, traces: Traces, signal: jax.Array) -> Traces:
    """Δw = -η L e, with a learning signal L of every neuron, `[B, N]` (Bellec et al. 2020, eq. 1)."""
    return learn(p, traces, -signal[:, None, :] * traces["eligibility"])


def oja(p: Plasticity, traces: Traces, weights: jax.Array, pre: jax.Array, post: jax.Array) -> Traces:
    """Δw = η y (x - y w), which finds the first principal component of the inputs (Oja 1982, eq. 3)."""
    return learn(p, traces, outer(pre, post) - jnp.square(post)[:, None, :] * (weights[None] + traces["change"]))


def learn(p: Plasticity, traces: Traces, change: jax.Array) -> Traces:
    """Weights moved by η Δ, within the bound."""
    return traces | {"change": jnp.clip(traces["change"] + p.rate * change, -p.bound, p.bound)}


def outer(pre: jax.Array, post: jax.Array) -> jax.Array:
    """`[B, I]`, `[B, N]` -> `[B, I, N]`."""
    return pre[:, :, None] * post[:, None, :]
