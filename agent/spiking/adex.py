"""Populations of adaptive exponential integrate-and-fire neurons."""

from __future__ import annotations

from dataclasses import dataclass

from agent.config import option
from agent.registry import register
from agent.spiking.neurons import AdexNeuron
from agent.spiking.options import PopulationConfig
from agent.spiking.population import Population


@register("adex")
@dataclass(frozen=True)
class AdexConfig(PopulationConfig):
    """The adaptive exponential model (Brette & Gerstner 2005), with their constants as defaults."""

    ticks: int = option(100, "ticks per decision; they must be short, 1 ms or less", low=50, high=1000)
    spread: float = option(300.0, "current per unit of the normed drive, pA", low=1e-3)
    tau_w: float = option(0.144, "decay of the adaptation", unit="s", low=1e-3)
    a: float = option(4.0, "adaptation below threshold, nS", low=0.0)
    b: float = option(80.5, "what a spike adds to the adaptation, pA", low=0.0)
    reset: float = option(-70.6, "membrane after a spike", unit="mV")

    @property
    def gain(self) -> float:
        return self.spread

    @property
    def neuron(self) -> AdexNeuron:
        return AdexNeuron(tau_w=1e3 * self.tau_w, a=self.a, b=self.b, reset=self.reset, tick_ms=1e3 * self.tick)


class Adex(Population[AdexConfig]):
    pass
