"""Seeing what is meant: the retina read in the light of a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from agent.config import option
from agent.layers import dense, flatten
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register

_COMPARED = 256
"""Moments of a batch that the alignment loss compares with each other."""


@register("grounding")
@dataclass(frozen=True)
class GroundingConfig:
    """Where in view is what the sentence means: patches of the retina beside the sentence, in a space of both.

    `map` is the match of every patch with the sentence. The loss `alignment` makes the best match of a view that with
    its own sentence, among those of other moments (InfoNCE as in CLIP, Radford et al. 2021; by patches as in FILIP,
    Yao et al. 2022). The `code` comes of what is seen and the map, each unit scaled and shifted by the sentence (FiLM,
    Perez et al. 2018).
    """

    inputs: ClassVar = {"image": Input("one", rank=3), "sentence": Input("concat", rank=1)}
    width: int = option(128, "units of the code", low=1)
    patch: int = option(2, "rays in a patch", low=1)
    features: int = option(48, "features of a patch, and of the common space", low=1)
    layers: int = option(2, "convolutions after the patches", low=0)
    kernel: int = option(5, "patches under one kernel", low=1)
    temperature: float = option(0.1, "of the match", low=1e-3)

    def ports(self, inputs: Ports) -> Ports:
        rays = inputs["image"].shape[1]
        if rays % self.patch:
            raise ValueError(f"patch ({self.patch}) must divide the number of rays ({rays}).")
        return Ports(
            code=Port((self.width,)), map=Port((rays // self.patch,), "signal"), alignment=Port((), "contrast")
        )


class Grounding(Module[GroundingConfig]):
    def __init__(self, config: GroundingConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        rows, rays, channels = inputs["image"].shape
        patches, features, told = rays // config.patch, config.features, inputs["sentence"].shape[0]
        self.first = dense(config.patch * rows * channels, features, rngs)
        self.layers = nnx.List([dense(config.kernel * features, features, rngs) for _ in range(config.layers)])
        self.seen, self.meant = dense(features, features, rngs, gain=1.0), dense(told, features, rngs, gain=1.0)
        self.whole = dense(patches * (features + 1), config.width, rngs)
        self.film = dense(told, 2 * config.width, rngs, gain=1.0)
        self.readout = dense(config.width, config.width, rngs)

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        image, said = inputs["image"].swapaxes(1, 2), inputs["sentence"]
        batch, rays = image.shape[:2]
        x = nnx.relu(self.first(image.reshape(batch, rays // self.config.patch, -1)))
        for layer in self.layers:
            x = x + nnx.relu(layer(neighbours(x, self.config.kernel)))
        seen, meant = _unit(self.seen(x)), _unit(self.meant(said))
        match = (seen * meant[:, None]).sum(-1) / self.config.temperature
        scale, shift = jnp.split(self.film(said), 2, axis=-1)
        whole = nnx.relu(self.whole(jnp.concatenate([flatten(x), match], -1)) * (1 + scale) + shift)
        loss = alignment(seen, meant, self.config.temperature)
        return state, {"code": nnx.relu(self.readout(whole)), "map": match, "alignment": loss}


def alignment(seen: jax.Array, meant: jax.Array, temperature: float) -> jax.Array:
    """-log softmax over sentences j of max_p z_ip · s_j / τ, at j = i, `[B]`: 0 for moments that are not compared.

    seen: `[B, patches, D]`, meant: `[B, D]`, of length 1. A sentence that is the moment's own is no rival of itself.
    """
    batch, stride = len(meant), -(-len(meant) // _COMPARED)
    view, said = seen[::stride], meant[::stride]
    match = jnp.einsum("ipd,jd->ijp", view, said).max(-1) / temperature
    same = said @ said.T > 1 - 1e-5
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
