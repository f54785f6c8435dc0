"""Senses in their natural units, brought to zero mean and unit variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from agent.config import option
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register


@register("normaliser")
@dataclass(frozen=True)
class NormaliserConfig:
    """(x - mean) / deviation, with the mean and deviation of all that was sensed in training so far."""

    inputs: ClassVar = {"senses": Input("concat", rank=1)}
    limit: float = option(10.0, "the most that is sent, in deviations", low=0.1)

    def ports(self, inputs: Ports) -> Ports:
        return Ports(code=Port(inputs["senses"].shape))


class Normaliser(Module[NormaliserConfig]):
    """The statistics are weights that no gradient reaches: they are saved, and stand still when nothing is learned."""

    idle = ("count", "mean", "squares")

    def __init__(self, config: NormaliserConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        size = inputs["senses"].shape
        self.count = nnx.Param(jnp.zeros(()))
        self.mean = nnx.Param(jnp.zeros(size))
        self.squares = nnx.Param(jnp.zeros(size))  # sum of squared deviations from the mean

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        count, mean, squares = jax.lax.stop_gradient((self.count[...], self.mean[...], self.squares[...]))
        variance = jnp.where(count > 0, squares / jnp.maximum(count, 1.0), 1.0)
        code = (inputs["senses"] - mean[None]) / jnp.sqrt(variance + 1e-8)[None]
        return state, {"code": jnp.clip(code, -self.config.limit, self.config.limit)}

    def renew(self, inputs: Arrays) -> None:
        """Mean and squares of two sets from those of each (Chan, Golub & LeVeque 1979, eq. 1.5)."""
        seen = inputs["senses"]
        count, added = self.count[...], float(seen.shape[0])
        mean, total = seen.mean(axis=0), count + added
        apart = mean - self.mean[...]
        self.squares[...] += jnp.square(seen - mean[None]).sum(axis=0) + jnp.square(apart) * count * added / total
        self.mean[...] += apart * added / total
        self.count[...] = total
