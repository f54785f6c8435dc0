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
from agent.layers import dense
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
    """Where in view is what the sentence means, and what is in the way: `where` and `code`.

    Colour and form of every patch of the retina are seen apart, each by a pathway of its own, and added up: what was
    learned of one holds with all of the other. Several queries of the sentence are compared with them; what matches
    around a patch, read as the sentence says (FiLM, Perez et al. 2018), tells whether it is meant: `map`. Attention
    goes there, or nowhere. The loss `alignment` makes the best matches of a view those with its own sentence among
    those of other moments (InfoNCE as in CLIP, Radford et al. 2021; by patches as in FILIP, Yao et al. 2022). With
    `reward` wired, the loss `outcome` is that of telling by the map, where a thing is touched, whether it was meant.
    """

    inputs: ClassVar = {
        "image": Input("one", rank=3),
        "sentence": Input("concat", rank=1),
        "reward": Input("one", rank=1, optional=True),
    }
    width: int = option(96, "units of the code", low=1)
    patch: int = option(2, "rays in a patch", low=1)
    features: int = option(32, "features of a patch's colour, and of its form", low=1)
    kernel: int = option(5, "patches in whose light the form of one is seen", low=1)
    queries: int = option(4, "things that a sentence may ask for", low=1)
    common: int = option(16, "dimensions of the space in which patches and queries are compared", low=1)
    reach: int = option(13, "patches in the surroundings of one", low=1)
    hidden: int = option(32, "features of the surroundings", low=1)
    temperature: float = option(0.3, "of the match", low=1e-3)

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
        patches, compared = rays // c.patch, c.queries * c.common
        self.colour = dense(c.patch * (channels - 1), c.features, rngs)
        self.near = dense(c.kernel * c.patch * rows, c.features, rngs)
        self.form = dense(c.features, c.features, rngs)
        self.seen = dense(2 * c.features, compared, rngs, gain=1.0)
        self.meant = dense(told, compared, rngs, gain=1.0)
        self.around = dense(c.reach * c.queries, c.hidden, rngs, gain=1.0)
        self.film = dense(told, 2 * c.hidden, rngs, gain=1.0)
        self.chosen = dense(c.hidden, 1, rngs, gain=0.1)
        self.readout = dense(4 + 2 * patches, c.width, rngs)

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        said, c = inputs["sentence"], self.config
        patches = self._cut(inputs["image"])
        seen = self._seen(patches) / (c.temperature * np.sqrt(c.common))
        meant = self.meant(said).reshape(-1, c.queries, c.common)
        match = jnp.einsum("bpqd,bqd->bpq", seen, meant)
        scale, shift = jnp.split(self.film(said)[:, None], 2, axis=-1)
        around = nnx.relu(self.around(neighbours(match, c.reach)) * (1 + scale) + shift)
        chosen = match[..., 0] + self.chosen(around)[..., 0]
        attention, where = attend(chosen)
        near = patches[..., -1].max((2, 3))
        code = nnx.relu(self.readout(jnp.concatenate([where, attention, near], -1)))
        outputs = {"code": code, "where": where, "map": chosen, "alignment": alignment(seen, meant, said)}
        if "reward" in inputs:
            outputs["outcome"] = outcome(chosen, near, inputs["reward"][:, 0])
        return state, outputs

    def _cut(self, image: jax.Array) -> jax.Array:
        """`[B, rows, rays, channels]` -> `[B, patches, rows, patch, channels]`."""
        batch, rows, _, channels = image.shape
        return image.reshape(batch, rows, -1, self.config.patch, channels).swapaxes(1, 2)

    def _seen(self, patches: jax.Array) -> jax.Array:
        """`[B, patches, queries, common]`: colour, which does not know the row, and form, which knows no colour."""
        colour, near = patches[..., :-1], patches[..., -1]
        colour = nnx.relu(self.colour(colour.reshape(*colour.shape[:3], -1))).mean(2)
        near = neighbours(near.reshape(*near.shape[:2], -1), self.config.kernel)
        form = nnx.relu(self.form(nnx.relu(self.near(near))))
        seen = self.seen(jnp.concatenate([colour, form], -1))
        return seen.reshape(*seen.shape[:2], self.config.queries, self.config.common)


def attend(match: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Attention `[B, P]` to patches, and `[B, 4]`: left or right (1..-1), ahead, nowhere (0..1), how sure.

    A softmax over the patches and a place that is nowhere, with a match of 0.
    """
    patches = match.shape[1]
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


def alignment(seen: jax.Array, meant: jax.Array, said: jax.Array) -> jax.Array:
    """-log softmax over sentences j of mean_q max_p z_ipq · s_jq, at j = i, `[B]`: 0 for moments not compared.

    seen: `[B, patches, queries, D]`, meant: `[B, queries, D]`, said: `[B, N]`. A sentence that is the moment's own
    is no rival of itself. The stride is odd, so that it meets all of an even number of environments.
    """
    batch, stride = len(meant), -(-len(meant) // _COMPARED) | 1
    view, query, said = seen[::stride], meant[::stride], said[::stride]
    match = jnp.einsum("ipqd,jqd->ijqp", view, query).max(-1).mean(-1)
    same = (said[:, None] == said[None]).all(-1)
    own = jnp.diagonal(match)
    rivals = jax.nn.logsumexp(jnp.where(same, -jnp.inf, match), axis=1)
    loss = jnp.logaddexp(own, rivals) - own
    return jnp.zeros(batch).at[::stride].set(loss * (batch / len(said)))


def neighbours(x: jax.Array, kernel: int) -> jax.Array:
    """`[B, patches, D]` -> `[B, patches, kernel * D]`: every patch with those around it, zeros beyond the ends."""
    padded = jnp.pad(x, ((0, 0), ((kernel - 1) // 2, kernel // 2), (0, 0)))
    return jnp.concatenate([padded[:, i : i + x.shape[1]] for i in range(kernel)], axis=-1)
