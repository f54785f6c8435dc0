"""Encoders of the retina: rows x rays x channels -> a code."""

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

IMAGE = {"image": Input("one", rank=3)}


@register("retina_conv")
@dataclass(frozen=True)
class RetinaConvConfig:
    """Two convolutions along the rays, then a dense layer (LeCun et al. 1989).

    With `contrast` every channel is seen as its distance from its mean over the view, in deviations (contrast gain
    control; Heeger 1992): what is everywhere does not drown what stands out.
    """

    inputs: ClassVar = IMAGE
    width: int = option(64, "units of the code", low=1)
    channels: int = option(16, "channels of the first convolution; the second has twice as many", low=1)
    kernel: int = option(4, "rays under one kernel", low=1)
    stride: int = option(2, "rays from one kernel to the next", low=1)
    contrast: bool = option(False, "see how channels differ from their means in the view")

    def ports(self, inputs: Ports) -> Ports:
        rays = inputs["image"].shape[1]
        if windows(rays, self) < self.kernel:
            raise ValueError(f"the image has {rays} rays, too few for kernel {self.kernel} and stride {self.stride}.")
        return Ports(code=Port((self.width,)))


class RetinaConv(Module[RetinaConvConfig]):
    def __init__(self, config: RetinaConvConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        rows, rays, channels = inputs["image"].shape
        sizes = (rows * channels, config.channels, 2 * config.channels)
        self.first = dense(config.kernel * sizes[0], sizes[1], rngs)
        self.second = dense(config.kernel * sizes[1], sizes[2], rngs)
        columns = windows(windows(rays, config), config)
        self.readout = dense(columns * sizes[2], config.width, rngs)

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        seen = contrasted(inputs["image"]) if self.config.contrast else inputs["image"]
        image = seen.swapaxes(1, 2)  # rays first: [B, rays, rows, channels]
        x = image.reshape(*image.shape[:2], -1)
        for layer in (self.first, self.second):
            x = nnx.relu(layer(unfold(x, self.config)))
        return state, {"code": nnx.relu(self.readout(flatten(x)))}


def contrasted(image: jax.Array) -> jax.Array:
    """`[B, rows, rays, channels]`, centred in every channel and divided by √(variance + 0.01)."""
    image = image - image.mean((1, 2), keepdims=True)
    return image * jax.lax.rsqrt(jnp.square(image).mean((1, 2), keepdims=True) + 0.01)


def windows(rays: int, config: RetinaConvConfig) -> int:
    """How many times the kernel fits along the rays."""
    return (rays - config.kernel) // config.stride + 1


def unfold(x: jax.Array, config: RetinaConvConfig) -> jax.Array:
    """`[B, rays, channels]` -> `[B, windows, kernel * channels]`: a convolution is a dense layer over these.

    XLA for CPUs runs its own convolutions 20 times slower inside a loop (`lax.scan`) than outside; this form keeps its
    speed there.
    """
    count = windows(x.shape[1], config)
    span = (count - 1) * config.stride + 1
    return jnp.concatenate([x[:, i : i + span : config.stride] for i in range(config.kernel)], axis=-1)


@register("retina_transformer")
@dataclass(frozen=True)
class RetinaTransformerConfig:
    """Patches of neighbouring rays as tokens of a small transformer (Dosovitskiy et al. 2021; pre-norm)."""

    inputs: ClassVar = IMAGE
    width: int = option(64, "units of the code", low=1)
    patch: int = option(4, "rays in a patch", low=1)
    features: int = option(32, "features of a token", low=1)
    heads: int = option(2, "attention heads", low=1)
    layers: int = option(1, "transformer layers", low=1)

    def __post_init__(self) -> None:
        if self.features % self.heads:
            raise ValueError(f"features ({self.features}) must be a multiple of heads ({self.heads}).")

    def ports(self, inputs: Ports) -> Ports:
        rays = inputs["image"].shape[1]
        if rays % self.patch:
            raise ValueError(f"patch ({self.patch}) must divide the number of rays ({rays}).")
        tokens = rays // self.patch
        return Ports(code=Port((self.width,)), tokens=Port((tokens, self.features), "tokens"))


class TransformerLayer(nnx.Module):
    """Self-attention and a two-layer perceptron, each behind a layer norm (Vaswani et al. 2017; pre-norm)."""

    def __init__(self, features: int, heads: int, rngs: nnx.Rngs) -> None:
        self.norm_attention, self.norm_mlp = nnx.LayerNorm(features, rngs=rngs), nnx.LayerNorm(features, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(heads, features, use_bias=False, decode=False, rngs=rngs)
        self.up, self.down = dense(features, 2 * features, rngs), dense(2 * features, features, rngs, gain=1.0)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = x + self.attention(self.norm_attention(x))
        return x + self.down(nnx.gelu(self.up(self.norm_mlp(x))))


class RetinaTransformer(Module[RetinaTransformerConfig]):
    def __init__(self, config: RetinaTransformerConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        rows, rays, channels = inputs["image"].shape
        tokens = rays // config.patch
        self.embed = dense(config.patch * rows * channels, config.features, rngs)
        self.place = nnx.Param(0.02 * jax.random.normal(rngs.params(), (tokens, config.features)))
        self.layers = nnx.List([TransformerLayer(config.features, config.heads, rngs) for _ in range(config.layers)])
        self.norm = nnx.LayerNorm(config.features, rngs=rngs)
        self.readout = dense(tokens * config.features, config.width, rngs)

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        image = inputs["image"].swapaxes(1, 2)
        batch, rays = image.shape[:2]
        x = self.embed(image.reshape(batch, rays // self.config.patch, -1)) + self.place[...][None]
        for layer in self.layers:
            x = layer(x)
        x = self.norm(x)
        return state, {"code": nnx.relu(self.readout(flatten(x))), "tokens": x}
