"""Associations of what things look like with what touching them brings, learned and unlearned within a life."""

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

DIMENSIONS = ("colour", "form")
SHARP = 20.0  # how much more a nearer ray counts: what is touched is nearest
START = {"forget": -2.5, "trust": 1.0, "recent": 2.0, "scale": 2.0, "bias": 0.0}


@register("associator")
@dataclass(frozen=True)
class AssociatorConfig:
    """What comes of things like this, by the delta rule on fast weights (Rescorla & Wagner 1972; Schlag et al. 2021).

    Every ray's colour and form are keys k of length 1 (0 where all is grey): which hue it has, and in which rows it is
    coloured at all. In each of these two dimensions w·k is expected, and on a touch it learns by its own error:
    w ← (1 - f) w + α (o - w·k) k, with the key k of what is nearest and o = ±1 for a reward above or below `neutral`.
    α = `rate` + gate, at most 1, where the gate is wired to noradrenaline or acetylcholine, so that it is surprise that
    makes it learn (Yu & Dayan 2005; Behrens et al. 2007); that is read one decision after the touch. How much a
    dimension is trusted follows its own late errors (Mackintosh 1975). How fast to forget and whom to trust is learned
    from `prediction_loss`, the cross entropy of what was expected, through all of this (Miconi et al. 2019).
    """

    inputs: ClassVar = {
        "image": Input("one", rank=3),
        "touch": Input("concat", rank=1),
        "reward": Input("sum", rank=None),
        "gate": Input("sum", rank=0, optional=True),
    }
    rate: float = option(0.1, "part of an error that is learned without the gate", low=0.0, high=1.0)
    touched: float = option(0.1, "reading of touch from which on it is one", low=0.0)
    neutral: float = option(0.5, "reward of a touch that is neither good nor bad")

    def ports(self, inputs: Ports) -> Ports:
        _, rays, channels = inputs["image"].shape
        if channels < 3:
            raise ValueError(f"image: it has {channels} channels, not two colours and nearness. Wire the retina.")
        return Ports(
            map=Port((rays,), "signal"),
            error=Port((), "signal"),
            trust=Port((len(DIMENSIONS),), "signal", labels=DIMENSIONS),
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
        self.features = max(rows, channels - 1)
        self.pace = nnx.Dict({name: nnx.Param(jnp.array(value)) for name, value in START.items()})

    def initial(self, batch: int) -> State:
        """Fast weights, late errors of each dimension, and the touch that waits to be learned from."""
        each, rows = jnp.zeros((batch, len(DIMENSIONS))), jnp.zeros(batch)
        blank = jnp.zeros((*each.shape, self.features))
        return {
            "weights": blank,
            "errors": each,
            "key": blank,
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
        seen = keys(image, self.features)
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


def keys(image: jax.Array, features: int) -> jax.Array:
    """`[B, rows, rays, channels]` -> `[B, rays, dimensions, features]`: hue without its row, rows without their hue.

    Colours are told apart by how their channels differ from each other (colour opponency; Hurvich & Jameson 1957).
    """
    colour = image[..., :-1]
    opponent = colour - colour.mean(axis=-1, keepdims=True)
    hue, form = opponent.mean(axis=1), jnp.abs(opponent).mean(axis=-1).swapaxes(1, 2)
    pad = lambda x: jnp.pad(x, ((0, 0), (0, 0), (0, features - x.shape[-1])))  # noqa: E731
    return unit(jnp.stack([pad(hue), pad(form)], axis=2))


def unit(x: jax.Array) -> jax.Array:
    """`[..., D]` of length 1, or 0 where there is next to nothing."""
    return x * jax.lax.rsqrt(jnp.square(x).sum(axis=-1, keepdims=True) + 1e-3)
