"""A column of cortex that predicts what comes in: errors go up, predictions go down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from agent.config import option
from agent.layers import dense
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register


@register("predictive_column")
@dataclass(frozen=True)
class PredictiveColumnConfig:
    """Predictive coding (Rao & Ballard 1999, eqs. 7-9): causes r settle until they explain what comes in.

    e = x - U r is what they leave unexplained; r ← r + k (Uᵀ e + g (p - r)), a few times per decision, from the r of
    the decision before. x is the layer-normed, weighted input, p what a higher area, wired into `above`,
    predicts of r through weights of its own (0 where nothing is wired), g how much that counts.
    """

    inputs: ClassVar = {"current": Input("concat", rank=1), "above": Input("concat", rank=1, optional=True)}
    size: int = option(128, "causes", low=1)
    features: int = option(64, "features of the input that are predicted", low=1)
    steps: int = option(5, "steps towards settling per decision", low=1, high=100)
    speed: float = option(0.2, "k, the size of a step", low=0.0, high=1.0)
    prior: float = option(0.1, "g, how much is believed from above", low=0.0)

    def ports(self, inputs: Ports) -> Ports:
        error = Port((self.features,))
        return Ports(rate=Port((self.size,)), error=error, prediction=error, prediction_loss=Port((), "loss"))


class PredictiveColumn(Module[PredictiveColumnConfig]):
    """Outputs: `rate` (causes, rectified), `error`, `prediction` of the features, `prediction_loss`, the mean e²."""

    def __init__(self, config: PredictiveColumnConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.weights = dense(inputs["current"].shape[0], config.features, rngs)
        self.norm = nnx.LayerNorm(config.features, rngs=rngs)
        self.causes = nnx.Param(jax.random.normal(rngs.params(), (config.size, config.features)) * config.size**-0.5)
        if "above" in inputs:
            self.expect = dense(inputs["above"].shape[0], config.size, rngs, gain=1.0)

    def initial(self, batch: int) -> State:
        return jnp.zeros((batch, self.config.size))

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        c, x, causes = self.config, self.norm(self.weights(inputs["current"])), self.causes[...]
        above = self.expect(inputs["above"]) if "above" in inputs else jnp.zeros_like(state)
        for _ in range(c.steps):
            error = x - state @ causes
            state = state + c.speed * (error @ causes.T + c.prior * (above - state))
        prediction = state @ causes
        error = x - prediction
        outputs = {"rate": nnx.relu(state), "error": error, "prediction": prediction}
        return state, outputs | {"prediction_loss": jnp.square(error).mean(axis=1)}
