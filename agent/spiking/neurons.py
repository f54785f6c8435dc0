"""Models of single neurons: constants, a state at rest, and one tick.

A tick is plain arithmetic on arrays of any shape, so that it runs in JAX and, where a rate is to be found before
anything is built, in NumPy. `Cells` is a dict of arrays: `v` is the membrane, what else there is the model says.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import jax
import jax.numpy as jnp
import numpy as np

Cells = dict[str, Any]
Spike = Callable[[Any], Any]
"""From the distance above threshold (1: about that from rest) to 0 or 1."""

Integration = Literal["exact", "euler"]


class Neuron(Protocol):
    """A frozen dataclass of constants: `v` at rest, and the reversal potentials of excitation and inhibition."""

    resting: float
    reversals: tuple[float, float]

    def rest(self, shape: tuple[int, ...]) -> Cells:
        """The state of neurons that nothing has reached for long."""
        ...

    def tick(self, cells: Cells, current: Any, spike: Spike) -> tuple[Cells, Any]:
        """The state after one tick of a constant current, and the spikes in it (0 or 1, unless ticks are long)."""
        ...


def keep(tick: float, tau: float, integration: Integration = "exact") -> float:
    """The part of an exponential decay that is left after a tick: exp(-dt / τ), or 1 - dt / τ by forward Euler."""
    return math.exp(-tick / tau) if integration == "exact" else 1.0 - tick / tau


@dataclass(frozen=True)
class LeakyNeuron:
    """Leaky integrate-and-fire (Gerstner & Kistler 2002, ch. 4), with an adaptive threshold where `adaptation` > 0.

    v[t+1] = α v[t] + (1 - α) I, s = [v > 1 + β a], then v ← v (1 - s); a[t+1] = ρ a[t] + s (Bellec et al. 2018).
    Rest is 0, the threshold of a rested neuron 1.

    leak: α; retain: ρ; adaptation: β, by which a spike raises the threshold; subtract: a spike takes 1 from the
    membrane instead of all.
    """

    leak: float
    retain: float = 0.0
    adaptation: float = 0.0
    subtract: bool = False
    resting: float = 0.0
    reversals: tuple[float, float] = (6.0, -2.0)

    def rest(self, shape: tuple[int, ...]) -> Cells:
        names = ("v", "a") if self.adaptation else ("v",)
        return {name: np.zeros(shape, np.float32) for name in names}

    def tick(self, cells: Cells, current: Any, spike: Spike) -> tuple[Cells, Any]:
        v = self.charged(cells, current)
        s = spike(v - self._threshold(cells))
        after = {"v": v - s if self.subtract else v * (1.0 - s)}
        if self.adaptation:
            after["a"] = self.retain * cells["a"] + s
        return after, s

    def above(self, cells: Cells, current: Any) -> Any:
        """How far a tick of the current brings the membrane above threshold."""
        return self.charged(cells, current) - self._threshold(cells)

    def charged(self, cells: Cells, current: Any) -> Any:
        """The membrane after a tick of the current, before a spike resets it."""
        return self.leak * cells["v"] + (1.0 - self.leak) * current

    def _threshold(self, cells: Cells) -> Any:
        return 1.0 + self.adaptation * cells["a"] if self.adaptation else 1.0


@dataclass(frozen=True)
class IzhikevichNeuron:
    """Two equations for the firing patterns of cortex (Izhikevich 2003, eqs. 1-3; mV, ms).

    v' = k₂ v² + k₁ v + k₀ - u + I; u' = a (b (v - v₀)); at v > 30: v ← c, u ← u + d. Forward Euler, v first, in
    `steps` parts of a tick, as in the author's own programs.
    """

    a: float = 0.02
    b: float = 0.2
    c: float = -65.0
    d: float = 8.0
    tick_ms: float = 1.0
    steps: int = 2
    resting: float = -65.0
    shift: float = 0.0
    quadratic: tuple[float, float, float] = (0.04, 5.0, 140.0)
    reversals: tuple[float, float] = (0.0, -80.0)

    def rest(self, shape: tuple[int, ...]) -> Cells:
        v = np.full(shape, self.resting, np.float32)
        return {"v": v, "u": self.b * (v - self.shift)}

    def tick(self, cells: Cells, current: Any, spike: Spike) -> tuple[Cells, Any]:
        v, u, fired = cells["v"], cells["u"], 0.0
        dt = self.tick_ms / self.steps
        k2, k1, k0 = self.quadratic
        for _ in range(self.steps):
            held = _held(v)
            keeps = _bounded(1.0 + dt * (2.0 * k2 * held + k1))
            v = held + dt * ((k2 * held + k1) * held + k0 - u + current) + keeps * (v - held)
            u = u + dt * self.a * (self.b * (v - self.shift) - u)
            s = spike((v - 30.0) / 100.0)
            v, u, fired = v * (1.0 - s) + self.c * s, u + self.d * s, fired + s
        return {"v": v, "u": u}, fired


@dataclass(frozen=True)
class AdexNeuron:
    """Adaptive exponential integrate-and-fire (Brette & Gerstner 2005, eqs. 1-3; mV, ms, pF, nS, pA).

    C v' = -g (v - E) + g Δ exp((v - θ) / Δ) - w + I; τ w' = a (v - E) - w; at v > 0: v ← r, w ← w + b.
    Forward Euler in `steps` parts of a tick; the exponent is cut off where the spike is certain.
    """

    capacitance: float = 281.0
    conductance: float = 30.0
    resting: float = -70.6
    threshold: float = -50.4
    sharpness: float = 2.0
    tau_w: float = 144.0
    a: float = 4.0
    b: float = 80.5
    reset: float = -70.6
    tick_ms: float = 1.0
    steps: int = 4
    reversals: tuple[float, float] = (0.0, -80.0)

    def rest(self, shape: tuple[int, ...]) -> Cells:
        return {"v": np.full(shape, self.resting, np.float32), "w": np.zeros(shape, np.float32)}

    def tick(self, cells: Cells, current: Any, spike: Spike) -> tuple[Cells, Any]:
        v, w, fired = cells["v"], cells["w"], 0.0
        numbers, dt = _numbers(v), self.tick_ms / self.steps
        rate = dt * self.conductance / self.capacitance
        for _ in range(self.steps):
            held = _held(v)
            sharp = numbers.exp(numbers.minimum((held - self.threshold) / self.sharpness, 10.0))
            into = self.conductance * (self.resting - held + self.sharpness * sharp) - w + current
            w = w + dt / self.tau_w * (self.a * (v - self.resting) - w)
            v = held + dt / self.capacitance * into + _bounded(1.0 + rate * (sharp - 1.0)) * (v - held)
            v = numbers.minimum(v, 20.0)
            s = spike(v / 50.0)
            v, w, fired = v * (1.0 - s) + self.reset * s, w + self.b * s, fired + s
        return {"v": v, "w": w}, fired


def _numbers(v: Any) -> Any:
    return np if isinstance(v, np.ndarray) else jnp


def _held(v: Any) -> Any:
    """The same without a gradient."""
    return v if isinstance(v, np.ndarray) else jax.lax.stop_gradient(v)


def _bounded(keeps: Any) -> Any:
    """What of a gradient a tick keeps. Where membranes run away to a spike it is above 1, and gradients through many
    such ticks would grow beyond all numbers: there they stay as they are.
    """
    return _numbers(keeps).clip(keeps, 0.0, 1.0)
