"""Action selection by the basal ganglia: of several channels the strongest wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from agent.config import option
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register


@register("winner")
@dataclass(frozen=True)
class WinnerConfig:
    """The channel whose neurons fire most is chosen (Redgrave, Prescott & Gurney 1999); ties are broken by chance.

    A population of N neurons is cut into as many channels of N / actions, in order. It has no weights.
    """

    inputs: ClassVar = {"rate": Input("concat", rank=1)}
    actions: int = option(2, "channels to choose from", low=2)

    def ports(self, inputs: Ports) -> Ports:
        (neurons,) = inputs["rate"].shape
        if neurons < self.actions:
            raise ValueError(f"{neurons} neurons are too few for {self.actions} actions.")
        return Ports(action=Port((self.actions,), "action"), chosen=Port((), "index", "int32"))


class Winner(Module[WinnerConfig]):
    """Outputs: `action`, 1 for the one that was chosen and 0 for the others, and `chosen`, which it is."""

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        actions = self.config.actions
        rate = jax.lax.stop_gradient(inputs["rate"])
        each = rate.shape[1] // actions
        channels = rate[:, : each * actions].reshape(-1, actions, each).mean(axis=2)
        chance = jax.vmap(lambda k: jax.random.uniform(k, (actions,)))(key)
        chosen = jnp.argmax(channels + 1e-4 * chance, axis=1)
        return state, {"action": jax.nn.one_hot(chosen, actions), "chosen": chosen}
