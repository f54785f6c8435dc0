"""Working memory: a transformer over the last inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from agent.config import option
from agent.layers import dense, softmax
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register


@register("transformer")
@dataclass(frozen=True)
class TransformerConfig:
    """Attention to the last `window` inputs of the episode, gated (GTrXL, Parisotto et al. 2020).

    g(x, y) = (1 - z) x + z tanh(W y + U (r x)), r = σ(W_r y + U_r x), z = σ(W_z y + U_z x - b): a fresh layer passes
    on what came in. Keys and values lie in a ring; a learned bias tells each head how long ago they were. Where `reset`
    is wired and above a half, all of them are let go.
    """

    inputs: ClassVar = {"input": Input("concat", rank=1), "reset": Input("sum", rank=0, optional=True)}
    size: int = option(64, "features", low=1)
    window: int = option(32, "decisions that are seen, the present one among them", low=1)
    layers: int = option(1, "layers", low=1)
    heads: int = option(4, "heads", low=1)
    expand: int = option(2, "hidden units of the perceptron per feature", low=1)
    bias: float = option(2.0, "b, how closed a fresh gate is")

    def __post_init__(self) -> None:
        if self.size % self.heads:
            raise ValueError(f"heads ({self.heads}) must divide size ({self.size}).")

    def ports(self, inputs: Ports) -> Ports:
        return Ports(state=Port((self.size,)))


class Transformer(Module[TransformerConfig]):
    def __init__(self, config: TransformerConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.enter = dense(inputs["input"].shape[0], config.size, rngs, gain=1.0)
        self.layers = nnx.List([Layer(config, rngs) for _ in range(config.layers)])

    def initial(self, batch: int) -> State:
        c = self.config
        held = jnp.zeros((batch, c.layers, c.window, 2, c.size))
        return {"held": held, "now": jnp.zeros((batch,), jnp.int32)}

    def reset(self, state: State, first: jax.Array) -> State:
        """What a ring held before an episode is never looked at."""
        return state | {"now": jnp.where(first, 0, state["now"])}

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        state = self.reset(state, _emptied(inputs)) if "reset" in inputs else state
        now, rows = state["now"], jnp.arange(state["now"].shape[0])
        x, held = self.enter(inputs["input"]), state["held"]
        age = (now[:, None] - jnp.arange(self.config.window)[None]) % self.config.window
        age = jnp.where(age <= now[:, None], age, -1)
        for i, layer in enumerate(self.layers):
            held = held.at[rows, i, now % self.config.window].set(layer.remembered(x))
            x = layer(x[:, None], held[:, i], age[:, None])[:, 0]
        return {"held": held, "now": now + 1}, {"state": x}

    def over_time(self, state: State, inputs: Arrays, first: jax.Array, key: jax.Array) -> tuple[State, Arrays]:
        """Every moment sees the ring as it was before the stretch, and the moments of the stretch."""
        n, begins = self.config.window, (first | _emptied(inputs) if "reset" in inputs else first).swapaxes(0, 1)
        times, rows = jnp.arange(first.shape[0])[None], jnp.arange(first.shape[1])[:, None]
        start = jax.lax.cummax(jnp.where(begins, times, -1), axis=1)  # [B, T], -1: before this stretch
        before, slots = state["now"][:, None], jnp.arange(n)[None]
        now = jnp.where(start >= 0, times - start, times + before)
        held_at = before - 1 - (before - 1 - slots) % n  # the decision that each slot holds
        old = jnp.where((start < 0)[:, :, None] & (held_at >= 0)[:, None], now[:, :, None] - held_at[:, None], -1)
        new = jnp.where(start[:, :, None] <= times[:, None], (times.T - times)[None], -1)
        age = jnp.concatenate([old, new], axis=2)
        age = jnp.where(age < n, age, -1)
        written = (now[:, :, None] % n) == slots[None]
        last = jnp.max(jnp.where(written, times[:, :, None], -1), axis=1)  # [B, n], -1: not in this stretch
        x, held = self.enter(inputs["input"]).swapaxes(0, 1), []
        for i, layer in enumerate(self.layers):
            fresh, ring = layer.remembered(x), state["held"][:, i]
            x = layer(x, jnp.concatenate([ring, fresh], axis=1), age)
            held.append(jnp.where((last >= 0)[:, :, None, None], fresh[rows, jnp.maximum(last, 0)], ring))
        state = {"held": jnp.stack(held, axis=1), "now": now[:, -1] + 1}
        return state, {"state": x.swapaxes(0, 1)}


def _emptied(inputs: Arrays) -> jax.Array:
    """Where the ring is let go, bool, as the input is: `[B]` or `[T, B]`."""
    return inputs["reset"] > 0.5


class Layer(nnx.Module):
    """Attention and a perceptron, each behind a gate."""

    def __init__(self, config: TransformerConfig, rngs: nnx.Rngs) -> None:
        size, hidden = config.size, config.expand * config.size
        self.heads = config.heads
        self.before, self.between = nnx.LayerNorm(size, rngs=rngs), nnx.LayerNorm(size, rngs=rngs)
        self.queries = dense(size, size, rngs, gain=1.0)
        self.pairs = dense(size, 2 * size, rngs, gain=1.0, use_bias=False)
        self.mixed = dense(size, size, rngs, gain=1.0)
        self.age = nnx.Param(jnp.zeros((config.heads, config.window)))
        self.wide, self.narrow = dense(size, hidden, rngs), dense(hidden, size, rngs, gain=1.0)
        self.gates = nnx.List([Gate(size, config.bias, rngs) for _ in range(2)])

    def remembered(self, x: jax.Array) -> jax.Array:
        """Key and value of an input, `[..., 2, D]`."""
        return self.pairs(self.before(x)).reshape((*x.shape[:-1], 2, -1))

    def __call__(self, x: jax.Array, held: jax.Array, age: jax.Array) -> jax.Array:
        """x: `[B, T, D]`; held: `[B, N, 2, D]`; age: `[B, T, N]` decisions, -1 where T does not see N."""
        split = (*x.shape[:2], self.heads, -1)
        queries = self.queries(self.before(x)).reshape(split)
        keys, values = (held[:, :, i].reshape((*held.shape[:2], self.heads, -1)) for i in range(2))
        scores = jnp.einsum("bthd,bnhd->bhtn", queries, keys) / queries.shape[-1] ** 0.5
        scores = scores + self.age[...][:, jnp.maximum(age, 0)].swapaxes(0, 1)
        weights = softmax(scores, (age >= 0)[:, None])
        seen = jnp.einsum("bhtn,bnhd->bthd", weights, values).reshape(x.shape)
        x = self.gates[0](x, jax.nn.relu(self.mixed(seen)))
        return self.gates[1](x, jax.nn.relu(self.narrow(jax.nn.relu(self.wide(self.between(x))))))


class Gate(nnx.Module):
    """A gate as in a GRU: what came in, and what a part of a layer made of it."""

    def __init__(self, size: int, bias: float, rngs: nnx.Rngs) -> None:
        self.bias = bias
        self.made = dense(size, 3 * size, rngs, gain=1.0, use_bias=False)
        self.came = dense(size, 2 * size, rngs, gain=1.0, use_bias=False)
        self.part = dense(size, size, rngs, gain=1.0, use_bias=False)

    def __call__(self, x: jax.Array, y: jax.Array) -> jax.Array:
        made = jnp.split(self.made(y), 3, axis=-1)
        came = jnp.split(self.came(x), 2, axis=-1)
        r, z = jax.nn.sigmoid(made[0] + came[0]), jax.nn.sigmoid(made[1] + came[1] - self.bias)
        return (1.0 - z) * x + z * jnp.tanh(made[2] + self.part(r * x))
