"""Populations of Izhikevich's neurons: regular spiking, bursting, chattering, fast spiking and more."""

from __future__ import annotations

from dataclasses import dataclass

from agent.config import option
from agent.registry import register
from agent.spiking.neurons import IzhikevichNeuron
from agent.spiking.options import PopulationConfig
from agent.spiking.population import Population


@register("izhikevich")
@dataclass(frozen=True)
class IzhikevichConfig(PopulationConfig):
    """Izhikevich's simple model (2003); a, b, c, d choose the firing pattern. The defaults are regular spiking."""

    ticks: int = option(100, "ticks per decision; they must be short, 1 ms or less", low=50, high=1000)
    spread: float = option(5.0, "current per unit of the normed drive", low=1e-3)
    a: float = option(0.02, "how fast the membrane recovers, per ms")
    b: float = option(0.2, "how far recovery follows the membrane below threshold")
    c: float = option(-65.0, "membrane after a spike", unit="mV")
    d: float = option(8.0, "what a spike adds to recovery")

    @property
    def gain(self) -> float:
        return self.spread

    @property
    def neuron(self) -> IzhikevichNeuron:
        return IzhikevichNeuron(self.a, self.b, self.c, self.d, tick_ms=1e3 * self.tick)


class Izhikevich(Population[IzhikevichConfig]):
    pass
