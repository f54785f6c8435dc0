"""Confidence: how likely it is that what is being done is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from agent.config import option
from agent.layers import dense
from agent.meta.neuromodulators import held
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register


@register("confidence")
@dataclass(frozen=True)
class ConfidenceConfig:
    """The probability p of being right, read from the brain's state (Meyniel, Sigman & Mainen 2015).

    A decision turns out right where the first reward within `horizon` decisions is positive, and wrong where it is
    negative or does not come. `confidence_loss` is the cross entropy of every decision whose outcome became known now;
    each is judged once, and those that an episode's end leaves open are not. What is read is not changed by it; or,
    with `shape`, it learns to tell what will come of what is done, which helps where rewards are rare and late.
    """

    inputs: ClassVar = {"state": Input("concat", rank=1), "reward": Input("sum", rank=None)}
    hidden: int = option(32, "hidden units", low=1)
    horizon: int = option(16, "decisions within which a reward proves a decision right", low=1)
    shape: bool = option(False, "let the loss change what is read")
    gate: float | None = option(None, "holds the confidence at this value", low=0.0, high=1.0)

    def ports(self, inputs: Ports) -> Ports:
        return Ports(confidence=Port((), "signal"), confidence_loss=Port((), "loss"))


class Confidence(Module[ConfidenceConfig]):
    """Outputs: `confidence` p in (0, 1), and `confidence_loss`."""

    def __init__(self, config: ConfidenceConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.hidden = dense(inputs["state"].shape[0], config.hidden, rngs)
        self.logit = dense(config.hidden, 1, rngs, gain=0.1)

    def initial(self, batch: int) -> State:
        """Logits of the last decisions, newest first, and which of them still wait for their outcome."""
        shape = (batch, self.config.horizon)
        return {"logit": jnp.zeros(shape), "open": jnp.zeros(shape)}

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        reward = inputs["reward"].reshape(key.shape[0], -1).sum(axis=1)[:, None]
        read = inputs["state"] if self.config.shape else jax.lax.stop_gradient(inputs["state"])
        logit = self.logit(nnx.tanh(self.hidden(read)))
        overdue = jnp.arange(self.config.horizon)[None] == self.config.horizon - 1
        known = state["open"] * ((reward != 0.0) | overdue)
        right = (reward > 0.0).astype(logit.dtype)
        loss = (known * (nnx.softplus(state["logit"]) - right * state["logit"])).sum(axis=1)
        after = {
            "logit": jnp.concatenate([logit, state["logit"][:, :-1]], axis=1),
            "open": jnp.concatenate([jnp.ones_like(logit), (state["open"] - known)[:, :-1]], axis=1),
        }
        return after, {"confidence": held(self.config.gate, nnx.sigmoid(logit[:, 0])), "confidence_loss": loss}
