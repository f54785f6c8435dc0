"""Associations of what things look like with what touching them brings, learned and unlearned within a life."""

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

SHARP = 20.0  # how much more a nearer ray counts: what is touched is nearest
START = {"forget": -2.5, "trust": 1.0, "recent": 2.0, "scale": 2.0, "bias": 0.0}


@register("associator")
@dataclass(frozen=True)
class AssociatorConfig:
    """What comes of things like this, by the delta rule on fast weights (Rescorla & Wagner 1972; Schlag et al. 2021).

    Each of some `dimensions` sees every ray in its own way, as a key k of length 1, and expects w·k of it. On a touch
    each learns by its own error: w ← (1 - f) w + α (o - w·k) k, with the key k of what is nearest and o = ±1 for a
    reward above or below `neutral`. α = `rate` + gate, at most 1, where the gate is wired to noradrenaline or
    acetylcholine, so that it is surprise that makes it learn (Yu & Dayan 2005; Behrens et al. 2007); that is read one
    decision after the touch. How much a dimension is trusted follows its own late errors (Mackintosh 1975). How rays
    are seen is learned from `prediction_loss`, the cross entropy of what was expected, through all of this (Miconi et
    al. 2019).
    """

    inputs: ClassVar = {
        "image": Input("one", rank=3),
        "touch": Input("concat", rank=1),
        "reward": Input("sum", rank=None),
        "gate": Input("sum", rank=0, optional=True),
    }
    dimensions: int = option(2, "ways of seeing a thing", low=1)
    features: int = option(16, "numbers of a key", low=1)
    hidden: int = option(32, "hidden units on the way to a key", low=1)
    rate: float = option(0.1, "part of an error that is learned without the gate", low=0.0, high=1.0)
    touched: float = option(0.1, "reading of touch from which on it is one", low=0.0)
    neutral: float = option(0.0, "reward of a touch that is neither good nor bad")

    def ports(self, inputs: Ports) -> Ports:
        labels = tuple(f"dimension {n + 1}" for n in range(self.dimensions))
        return Ports(
            map=Port((inputs["image"].shape[1],), "signal"),
            error=Port((), "signal"),
            trust=Port((self.dimensions,), "signal", labels=labels),
            prediction_loss=Port((), "loss"),
        )


class Associator(Module[AssociatorConfig]):
    """Outputs: `map` `[rays]`, what is expected of what each ray meets (-1 bad to 1 good); `error` o - expected on a
    touch, else 0; `trust` in each dimension, of sum 1; `prediction_loss`.

    Inputs: `image` `[rows, rays, channels]`, the last of which is nearness; `touch`, above `touched` on a touch;
    `reward`, that of the touch when it begins.
    """

    def __init__(self, config: AssociatorConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        rows, _, channels = inputs["image"].shape
        self.hidden = nnx.List([dense(rows * channels, config.hidden, rngs) for _ in range(config.dimensions)])
        self.key = nnx.List([dense(config.hidden, config.features, rngs) for _ in range(config.dimensions)])
        self.pace = nnx.Dict({name: nnx.Param(jnp.array(value)) for name, value in START.items()})

    def initial(self, batch: int) -> State:
        """Fast weights, late errors of each dimension, and the touch that waits to be learned from."""
        c = self.config
        keys, rows = jnp.zeros((batch, c.dimensions, c.features)), jnp.zeros(batch)
        return {
            "weights": keys,
            "errors": jnp.zeros((batch, c.dimensions)),
            "key": keys,
            "outcome": rows,
            "waits": rows,
            "touching": rows,
        }

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        image, batch = inputs["image"], key.shape[0]
        touching = (inputs["touch"].max(axis=-1) > self.config.touched).astype(image.dtype)
        begins = touching * (1.0 - state["touching"])
        good = (inputs["reward"].reshape(batch, -1).sum(axis=1) > self.config.neutral).astype(image.dtype)
        outcome = 2.0 * good - 1.0
        weights = self._learned(state, inputs.get("gate", jnp.zeros(batch)))
        seen = self._seen(image)
        nearest = jax.nn.softmax(SHARP * image[..., -1].max(axis=1), axis=-1)
        touched = unit(jnp.einsum("br,brhd->bhd", nearest, seen))
        each = (weights * touched).sum(axis=-1)
        expected = (self._trust(state["errors"]) * each).sum(axis=-1)
        logit = self.pace["scale"][...] * expected + self.pace["bias"][...]
        late = nnx.sigmoid(self.pace["recent"][...]) * state["errors"] + jnp.square(outcome[:, None] - each)
        after = {
            "weights": weights,
            "errors": jnp.where(begins[:, None] > 0, late, state["errors"]),
            "key": touched,
            "outcome": outcome,
            "waits": begins,
            "touching": touching,
        }
        trust = self._trust(after["errors"])
        return after, {
            "map": jnp.einsum("bh,bhd,brhd->br", trust, weights, seen),
            "error": begins * (outcome - expected),
            "trust": trust,
            "prediction_loss": begins * (nnx.softplus(logit) - good * logit),
        }

    def _trust(self, errors: jax.Array) -> jax.Array:
        return jax.nn.softmax(-jnp.exp(self.pace["trust"][...]) * errors, axis=-1)

    def _learned(self, state: State, gate: jax.Array) -> jax.Array:
        """The fast weights, once the touch that waits has been learned from."""
        rate = state["waits"] * jnp.clip(self.config.rate + jax.lax.stop_gradient(gate), 0.0, 1.0)
        forgotten = state["waits"] * nnx.sigmoid(self.pace["forget"][...])
        error = state["outcome"][:, None] - (state["weights"] * state["key"]).sum(axis=-1)
        kept = (1.0 - forgotten)[:, None, None] * state["weights"]
        return kept + (rate[:, None] * error)[..., None] * state["key"]

    def _seen(self, image: jax.Array) -> jax.Array:
        """`[B, rows, rays, channels]` -> keys of every ray, `[B, rays, dimensions, features]`."""
        x = image.swapaxes(1, 2)
        x = x.reshape(*x.shape[:2], -1)
        ways = zip(self.hidden, self.key, strict=True)
        return unit(jnp.stack([key(nnx.relu(hidden(x))) for hidden, key in ways], axis=2))


def unit(x: jax.Array) -> jax.Array:
    """`[..., D]` of length 1, or 0 where there is next to nothing."""
    return x * jax.lax.rsqrt(jnp.square(x).sum(axis=-1, keepdims=True) + 1e-3)
