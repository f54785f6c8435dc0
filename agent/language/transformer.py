"""One transformer for all pretrained families (Vaswani et al. 2017); what differs between them is in `Shape`.

Arrays are `[B, L, D]`: sequences of L tokens of D features, float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx


def gelu(x: jax.Array) -> jax.Array:
    """x Φ(x) (Hendrycks & Gimpel 2016) by erf, as those who trained the models had it.

    JAX's own is by erfc, which is more exact far below 0 and takes twice as long.
    """
    return 0.5 * x * (1.0 + jax.lax.erf(x * 0.5**0.5))


ACTIVATIONS = {
    "gelu": gelu,
    "gelu_new": partial(jax.nn.gelu, approximate=True),
    "quick_gelu": lambda x: x * jax.nn.sigmoid(1.702 * x),
    "relu": jax.nn.relu,
}
"""By the names that Hugging Face configs use."""


@dataclass(frozen=True)
class Shape:
    """The sizes and the manner of one stack of blocks."""

    width: int  # D
    layers: int
    heads: int
    inner: int  # units between the two layers of a block's perceptron
    activation: str = "gelu"
    eps: float = 1e-5  # of the layer norms
    norm_first: bool = True  # before each half of a block and not after it
    causal: bool = False  # a token sees those before it only


class Cache(NamedTuple):
    """Keys and values of past tokens, for tokens that come one after the other."""

    keys: jax.Array  # [B, layers, L, heads, D / heads]
    values: jax.Array


class Block(nnx.Module):
    """Self-attention, then a perceptron of two layers."""

    def __init__(self, shape: Shape, rngs: nnx.Rngs) -> None:
        linear = partial(nnx.Linear, kernel_init=nnx.initializers.normal(0.02), rngs=rngs)
        norm = partial(nnx.LayerNorm, shape.width, epsilon=shape.eps, use_fast_variance=False, rngs=rngs)
        self.shape = shape
        self.qkv, self.out = linear(shape.width, 3 * shape.width), linear(shape.width, shape.width)
        self.up, self.down = linear(shape.width, shape.inner), linear(shape.inner, shape.width)
        self.norm_attention, self.norm_mlp = norm(), norm()

    def project(self, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Queries, keys and values, `[B, L, heads, D / heads]`."""
        qkv = self.qkv(self.norm_attention(x) if self.shape.norm_first else x)
        query, key, value = jnp.split(qkv.reshape(*x.shape[:2], 3 * self.shape.heads, -1), 3, axis=2)
        return query, key, value

    def attend(self, query: jax.Array, key: jax.Array, value: jax.Array, seen: jax.Array) -> jax.Array:
        """softmax(Q Kᵀ / √d) V; `seen` is `[B or 1, L, M]` bool, which of M tokens each may look at."""
        match = jnp.einsum("blhd,bmhd->bhlm", query, key) / jnp.sqrt(jnp.float32(query.shape[-1]))
        weight = jax.nn.softmax(jnp.where(seen[:, None], match, -1e30), axis=-1)
        return jnp.einsum("bhlm,bmhd->blhd", weight, value).reshape(*query.shape[:2], -1)

    def finish(self, x: jax.Array, attended: jax.Array) -> jax.Array:
        """Both residual branches, given what attention brought."""
        act = ACTIVATIONS[self.shape.activation]
        if self.shape.norm_first:
            x = x + self.out(attended)
            return x + self.down(act(self.up(self.norm_mlp(x))))
        x = self.norm_attention(x + self.out(attended))
        return self.norm_mlp(x + self.down(act(self.up(x))))

    def __call__(self, x: jax.Array, seen: jax.Array) -> jax.Array:
        return self.finish(x, self.attend(*self.project(x), seen))


class Transformer(nnx.Module):
    """A stack of blocks over embedded tokens."""

    def __init__(self, shape: Shape, rngs: nnx.Rngs) -> None:
        self.shape = shape
        self.blocks = nnx.List([Block(shape, rngs) for _ in range(shape.layers)])

    def __call__(self, x: jax.Array, there: jax.Array | None = None, window: int = 0) -> list[jax.Array]:
        """The hidden states `[B, L, D]`: what comes in, and what every block makes of it.

        there: `[B, L]` bool, false for padding, which nothing looks at; None where there is none. window: how many
        tokens a causal stack sees, itself among them; 0 for all that came before.
        """
        length = x.shape[1]
        seen = jnp.ones((1, 1, length), bool) if there is None else there[:, None]
        if self.shape.causal:
            causal = jnp.tril(jnp.ones((length, length), bool))
            seen = seen & (causal & jnp.triu(causal, 1 - window) if window else causal)[None]
        states = [x]
        for block in self.blocks:
            states.append(block(states[-1], seen))
        return states

    def empty(self, batch: int, length: int) -> Cache:
        """A cache for `length` tokens that are still to come."""
        size = (batch, self.shape.layers, length, self.shape.heads, self.shape.width // self.shape.heads)
        return Cache(jnp.zeros(size), jnp.zeros(size))

    def follow(self, x: jax.Array, cache: Cache, place: jax.Array, there: jax.Array) -> tuple[jax.Array, Cache]:
        """One token `[B, D]` more: what the last block makes of it `[B, D]`, and the cache with it at `place` `[B]`.

        there: `[B, L]` bool, the places that it may look at, its own among them.
        """
        rows = jnp.arange(x.shape[0])
        x, keys, values = x[:, None], cache.keys, cache.values
        for number, block in enumerate(self.blocks):
            query, key, value = block.project(x)
            keys = keys.at[rows, number, place].set(key[:, 0])
            values = values.at[rows, number, place].set(value[:, 0])
            x = block.finish(x, block.attend(query, keys[:, number], values[:, number], there[:, None]))
        return x[:, 0], Cache(keys, values)
