"""Seeing what is meant: the retina read in the light of a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from agent.config import option
from agent.layers import dense, flatten
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register

_COMPARED = 192
"""Moments of a batch, at most, that the alignment loss compares with each other."""
_TOUCHING = 0.9
"""Nearness from which on a thing in view counts as touched."""


@register("grounding")
@dataclass(frozen=True)
class GroundingConfig:
    """Where in view is what the sentence means, and what is there: `where` and `code`.

    Patches of the retina are compared with several queries that the sentence makes; what matches around a patch, read
    as the sentence says (FiLM, Perez et al. 2018), tells whether it is meant: `map`. Attention goes there, or nowhere.
    The loss `alignment` makes the best matches of a view those with its own sentence among those of other moments
    (InfoNCE as in CLIP, Radford et al. 2021; by patches as in FILIP, Yao et al. 2022). With `reward` wired, the loss
    `outcome` is that of telling by the map, where a thing is touched, whether this was what was meant.
    """

    inputs: ClassVar = {
        "image": Input("one", rank=3),
        "sentence": Input("concat", rank=1),
        "reward": Input("one", rank=1, optional=True),
    }
    width: int = option(96, "units of the code", low=1)
    patch: int = option(2, "rays in a patch", low=1)
    features: int = option(32, "features of a patch", low=1)
    kernel: int = option(3, "patches seen together as one thing", low=1)
    queries: int = option(4, "things that a sentence may ask for", low=1)
    common: int = option(16, "dimensions of the space that patches and a query are compared in", low=1)
    reach: int = option(13, "patches in the surroundings of one", low=1)
    hidden: int = option(32, "features of the surroundings", low=1)
    temperature: float = option(0.1, "of the match", low=1e-3)

    def ports(self, inputs: Ports) -> Ports:
        rays = inputs["image"].shape[1]
        if rays % self.patch:
            raise ValueError(f"patch ({self.patch}) must divide the number of rays ({rays}).")
        outcome = {"outcome": Port((), "loss")} if "reward" in inputs else {}
        return Ports(
            outcome,
            code=Port((self.width,)),
            where=Port((4,)),
            map=Port((rays // self.patch,), "signal"),
            alignment=Port((), "contrast"),
        )


class Grounding(Module[GroundingConfig]):
    """Inputs: `image` `[rows, rays, channels]`, the last of which is nearness; `sentence`; `reward` `[1]`."""

    def __init__(self, config: GroundingConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        c, (rows, rays, channels), told = config, inputs["image"].shape, inputs["sentence"].shape[0]
        patches = rays // c.patch
        self.first = dense(c.patch * rows * channels, c.features, rngs)
        self.second = dense(c.kernel * c.features, c.features, rngs)
        self.seen = dense(c.features, c.queries * c.common, rngs, gain=1.0)
        self.meant = dense(told, c.queries * c.common, rngs, gain=1.0)
        self.around = dense(c.reach * c.queries, c.hidden, rngs)
        self.film = dense(told, 2 * c.hidden, rngs, gain=1.0)
        self.chosen = dense(c.hidden, 1, rngs, gain=0.1)
        self.profile = dense(c.features, 2, rngs)
        self.readout = dense(4 + 3 * patches + c.features, c.width, rngs)

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        image, said, c = inputs["image"], inputs["sentence"], self.config
        x = self._patches(image)
        seen = _unit(self.seen(x).reshape(*x.shape[:2], c.queries, c.common))
        meant = _unit(self.meant(said).reshape(-1, c.queries, c.common))
        match = jnp.einsum("bpqd,bqd->bpq", seen, meant)
        scale, shift = jnp.split(self.film(said)[:, None], 2, axis=-1)
        around = nnx.relu(self.around(neighbours(match, c.reach)) * (1 + scale) + shift)
        chosen = (match[..., 0] + self.chosen(around)[..., 0]) / c.temperature
        attention, where = attend(chosen)
        there = jnp.einsum("bp,bpf->bf", attention, x)
        profile = flatten(nnx.relu(self.profile(x)))
        code = nnx.relu(self.readout(jnp.concatenate([where, attention, profile, there], -1)))
        outputs = {"code": code, "where": where, "map": chosen, "alignment": alignment(seen, meant, c.temperature)}
        if "reward" in inputs:
            near = image[..., -1].reshape(len(image), image.shape[1], -1, c.patch).max((1, 3))
            outputs["outcome"] = outcome(chosen, near, inputs["reward"][:, 0])
        return state, outputs

    def _patches(self, image: jax.Array) -> jax.Array:
        """`[B, rows, rays, channels]` -> `[B, patches, features]`."""
        batch, _, rays, _ = image.shape
        x = nnx.relu(self.first(image.swapaxes(1, 2).reshape(batch, rays // self.config.patch, -1)))
        return x + nnx.relu(self.second(neighbours(x, self.config.kernel)))


def attend(match: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Attention `[B, P]` to patches, and `[B, 4]`: left or right (1..-1), ahead, nowhere (0..1), how sure.

    A softmax over the patches and a place that is nowhere, with a match of 0.
    """
    batch, patches = match.shape
    left = 1 - (2 * np.arange(patches, dtype=np.float32) + 1) / patches
    attention = jax.nn.softmax(jnp.pad(match, ((0, 0), (0, 1))), axis=-1)
    attention, nowhere = attention[:, :-1], attention[:, -1]
    sure = 0.1 * jax.nn.logsumexp(match, axis=-1)
    return attention, jnp.stack([attention @ left, attention @ np.cos(left * np.pi / 2), nowhere, sure], -1)


def outcome(match: jax.Array, near: jax.Array, reward: jax.Array) -> jax.Array:
    """`[B]`, -log P(reward > 0 | match at the nearest patch), a logit; 0 where nothing is touched or nothing was given.

    match, near: `[B, patches]`; reward: `[B]`.
    """
    touched = jnp.take_along_axis(match, near.argmax(-1)[:, None], axis=1)[:, 0]
    told = (reward != 0) & (near.max(-1) > _TOUCHING)
    return jnp.where(told, optax.sigmoid_binary_cross_entropy(touched, (reward > 0) * 1.0), 0.0)


def alignment(seen: jax.Array, meant: jax.Array, temperature: float) -> jax.Array:
    """-log softmax over sentences j of mean_q max_p z_ipq · s_jq / τ, at j = i, `[B]`: 0 for moments not compared.

    seen: `[B, patches, queries, D]`, meant: `[B, queries, D]`, of length 1 along D. A sentence that is the moment's own
    is no rival of itself. The stride is odd, so that it meets all of an even number of environments.
    """
    batch, stride = len(meant), -(-len(meant) // _COMPARED) | 1
    view, said = seen[::stride], meant[::stride]
    match = jnp.einsum("ipqd,jqd->ijqp", view, said).max(-1).mean(-1) / temperature
    same = jnp.einsum("iqd,jqd->ij", said, said) > meant.shape[1] * (1 - 1e-5)
    own = jnp.diagonal(match)
    rivals = jax.nn.logsumexp(jnp.where(same, -jnp.inf, match), axis=1)
    loss = jnp.logaddexp(own, rivals) - own
    return jnp.zeros(batch).at[::stride].set(loss * (batch / len(said)))


def neighbours(x: jax.Array, kernel: int) -> jax.Array:
    """`[B, patches, D]` -> `[B, patches, kernel * D]`: every patch with those around it, zeros beyond the ends."""
    padded = jnp.pad(x, ((0, 0), ((kernel - 1) // 2, kernel // 2), (0, 0)))
    return jnp.concatenate([padded[:, i : i + x.shape[1]] for i in range(kernel)], axis=-1)


def _unit(x: jax.Array) -> jax.Array:
    return x * jax.lax.rsqrt(jnp.square(x).sum(-1, keepdims=True) + 1e-6)
