"""Populations of leaky integrate-and-fire neurons, without and with adaptation."""

from __future__ import annotations

from dataclasses import dataclass

from agent.config import option
from agent.registry import register
from agent.spiking.neurons import Integration, LeakyNeuron, keep
from agent.spiking.options import PopulationConfig
from agent.spiking.population import Population


@register("lif")
@dataclass(frozen=True)
class LifConfig(PopulationConfig):
    """Leaky integrate-and-fire neurons (Gerstner & Kistler 2002, ch. 4), driven by the weighted sum of their inputs.

    v[t+1] = a v[t] (1 - s[t]) + (1 - a) I, s = [v > 1], a = exp(-dt / tau_mem): exact for an input that is constant
    over a tick. The input is layer-normed and shifted so that a fresh population fires at the target rate.
    """

    tau_mem: float = option(20e-3, "membrane time constant", unit="s", low=1e-4, high=10.0)
    integration: Integration = option("exact", "of the membrane over a tick")

    @property
    def neuron(self) -> LeakyNeuron:
        return LeakyNeuron(keep(self.tick, self.tau_mem, self.integration))


class Lif(Population[LifConfig]):
    pass


@register("alif")
@dataclass(frozen=True)
class AlifConfig(LifConfig):
    """Leaky neurons whose threshold rises with every spike and falls back slowly: a memory (Bellec et al. 2018)."""

    tau_adapt: float = option(0.5, "decay of the threshold", unit="s", low=1e-3)
    adaptation: float = option(0.2, "how much a spike raises the threshold; 1 is that of a rested neuron", low=1e-6)
    subtract: bool = option(False, "a spike takes 1 from the membrane instead of all")

    @property
    def neuron(self) -> LeakyNeuron:
        leak, retain = (keep(self.tick, tau, self.integration) for tau in (self.tau_mem, self.tau_adapt))
        return LeakyNeuron(leak, retain, self.adaptation, self.subtract)


class Alif(Population[AlifConfig]):
    pass
