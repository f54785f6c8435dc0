"""Options that all populations share, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from agent.config import option
from agent.module import DECISION_SECONDS
from agent.ports import Input, Port, Ports
from agent.spiking.neurons import LeakyNeuron, Neuron
from agent.spiking.plasticity import LOCAL, Plasticity, Rule
from agent.spiking.surrogate import Surrogate
from agent.spiking.synapses import Synapse


@dataclass(frozen=True)
class PopulationConfig:
    """Options that all populations share; a kind adds those of its neuron."""

    inputs: ClassVar = {
        "current": Input("concat", rank=1, unless="spikes"),
        "spikes": Input("one", rank=2, optional=True),
        "dopamine": Input("sum", rank=0, optional=True),
        "error": Input("concat", rank=1, optional=True),
    }
    size: int = option(128, "neurons", low=1)
    ticks: int = option(5, "ticks per decision", low=1, high=100)
    rate: float = option(10.0, "mean rate of a fresh population", unit="Hz", low=0.1, high=500.0)
    norm: bool = option(True, "layer-norm the drive, so that a fresh population fires at its rate whatever it is")
    recurrent: bool = option(False, "neurons reach each other")
    inhibitory: float = option(0.0, "part of the neurons that inhibit; above 0 all keep Dale's law", low=0.0, high=0.9)
    delay: float = option(0.0, "longest axon between them; delays are spread from a tick to this", unit="s", low=0.0)
    synapse: Synapse = option("delta", "how what arrives becomes a current")
    tau_excitation: float = option(5e-3, "decay of excitatory synapses", unit="s", low=1e-4)
    tau_inhibition: float = option(10e-3, "decay of inhibitory synapses", unit="s", low=1e-4)
    surrogate: Surrogate = option("fast_sigmoid", "the gradient of a spike")
    slope: float = option(10.0, "how narrow that gradient is", low=0.01)
    rule: Rule = option("bptt", "how its synapses learn: by gradient, not at all, or by a local rule within a life")
    plasticity: Plasticity = field(default_factory=Plasticity, metadata={"help": "options of the local rules"})
    hoist: bool = option(True, "weigh the spikes of all ticks at once, where few of many only those: mostly faster")
    noise: float = option(0.0, "deviation of a random drive at every tick, between neurons of the same drive", low=0.0)
    homeostasis: float = option(0.0, "how fast currents shift towards the rate, per decision", low=0.0)

    def __post_init__(self) -> None:
        if self.rate * self.tick > 0.8:
            raise ValueError(
                f"rate ({self.rate} Hz) is too high for ticks of {1e3 * self.tick:.0f} ms. Use more ticks."
            )
        if self.rule == "eprop" and not isinstance(self.neuron, LeakyNeuron):
            raise ValueError("rule 'eprop' is there for leaky neurons (kinds lif and alif). Use 'three_factor'.")

    @property
    def tick(self) -> float:
        """Duration of a tick, s."""
        return DECISION_SECONDS / self.ticks

    @property
    def neuron(self) -> Neuron:
        raise TypeError(f"{type(self).__name__} has no neuron")

    @property
    def gain(self) -> float:
        """Deviation of the current between neurons, in the units of the neuron."""
        return 1.0

    @property
    def learns_locally(self) -> bool:
        return self.rule in LOCAL

    def ports(self, inputs: Ports) -> Ports:
        wanted = {"three_factor": "dopamine", "eprop": "error"}.get(self.rule)
        if wanted and wanted not in inputs:
            raise ValueError(f"rule {self.rule!r} needs a wire into '{wanted}'.")
        neurons = Port((self.size,))
        more = {"weight_change": Port((self.size,), "signal")} if self.learns_locally else {}
        spikes, membrane = Port((self.ticks, self.size), "spikes"), Port((self.size,), "signal")
        return Ports(more, rate=neurons, spikes=spikes, membrane=membrane, rate_loss=Port((), "loss"))
