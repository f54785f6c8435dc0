"""A plain reference: the brain `agent=gru` and its PPO written out by hand, with nothing of ours but the world.

It shows what the wiring layer costs. The layers, sizes and numbers of updates are the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from envs.base import Env

GAMMA, LAMBDA, CLIP, RATE = 0.98, 0.95, 0.2, 1e-3


class Net(nnx.Module):
    """Two convolutions over the rays, a dense layer over the other senses, their fusion, a GRU, and two heads."""

    def __init__(self, sizes: dict[str, int], actions: int, rngs: nnx.Rngs) -> None:
        self.conv1, self.conv2 = nnx.Linear(32, 16, rngs=rngs), nnx.Linear(64, 32, rngs=rngs)
        self.retina, self.soma = nnx.Linear(192, 128, rngs=rngs), nnx.Linear(sizes["soma"], 32, rngs=rngs)
        self.fusion = nnx.Linear(160, 128, rngs=rngs)
        self.gru = nnx.GRUCell(128, 128, rngs=rngs)
        self.actor1, self.actor2 = nnx.Linear(256 + actions, 128, rngs=rngs), nnx.Linear(128, actions, rngs=rngs)
        self.critic1, self.critic2 = nnx.Linear(256, 128, rngs=rngs), nnx.Linear(128, 1, rngs=rngs)
        self.log_std = nnx.Param(jnp.full((actions,), -0.5))

    def encode(self, seen: dict[str, jax.Array]) -> jax.Array:
        """`[N, ...]` senses -> `[N, 128]`."""
        x = seen["retina"].swapaxes(1, 2).reshape(-1, 32, 8)
        for conv in (self.conv1, self.conv2):
            span = x.shape[1] - 3
            x = nnx.relu(conv(jnp.concatenate([x[:, i : i + span : 2] for i in range(4)], -1)))
        soma = jnp.concatenate([seen[k] for k in ("touch", "proprio", "intero", "reward", "action")], -1)
        parts = [nnx.relu(self.retina(x.reshape(len(x), -1))), jnp.tanh(self.soma(soma))]
        return nnx.relu(self.fusion(jnp.concatenate(parts, -1)))

    def heads(self, code: jax.Array, hidden: jax.Array, previous: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Mean action `[N, A]` and value `[N]`."""
        both = jnp.concatenate([code, hidden], -1)
        mean = self.actor2(jnp.tanh(self.actor1(jnp.concatenate([both, previous], -1))))
        return mean, self.critic2(jnp.tanh(self.critic1(both)))[:, 0]


class Lived(NamedTuple):
    seen: dict[str, jax.Array]
    first: jax.Array
    last: jax.Array
    action: jax.Array
    log_prob: jax.Array
    value: jax.Array
    reward: jax.Array
    discount: jax.Array
    ends: jax.Array


class Reference:
    """`carry = reference.init(key)`, then `carry = reference.update(carry)`."""

    def __init__(self, env: Env, steps: int, epochs: int, minibatches: int, updates: int) -> None:
        self.env, self.steps, self.epochs, self.minibatches = env, steps, epochs, minibatches
        schedule = optax.linear_schedule(RATE, 0.0, updates * epochs * minibatches)
        self.optimizer = optax.chain(optax.clip_by_global_norm(0.5), optax.adam(schedule, eps=1e-5))
        size = sum(env.observation_space[k].shape[0] for k in ("touch", "proprio", "intero", "reward", "action"))  # type: ignore[index]
        net = Net({"soma": size}, env.action_space.shape[0], nnx.Rngs(0))
        self.graph, self.weights = nnx.split(net)

    def init(self, key: jax.Array) -> Any:
        world, step = self.env.reset(key)
        return self.weights, self.optimizer.init(self.weights), world, step, jnp.zeros((self.env.batch, 128)), key

    def update(self, carry: Any) -> Any:
        weights, moments, world, step, hidden, key = carry
        key, act_key, order_key = jax.random.split(key, 3)
        (world, step, after), lived = jax.lax.scan(
            lambda c, k: self._act(weights, c, k), (world, step, hidden), jax.random.split(act_key, self.steps)
        )
        value = self._act(weights, (world, step, after), act_key)[1].value
        advantage = self._advantage(lived, value)
        target = advantage + lived.value

        def learn(carry: Any, group: jax.Array) -> Any:
            weights, moments = carry
            batch = jax.tree.map(lambda x: x[:, group], (lived, advantage, target))
            gradient = jax.grad(self._loss)(weights, hidden[group], *batch)
            change, moments = self.optimizer.update(gradient, moments, weights)
            return (optax.apply_updates(weights, change), moments), None

        orders = [jax.random.permutation(k, self.env.batch) for k in jax.random.split(order_key, self.epochs)]
        groups = jnp.concatenate(orders).reshape(self.epochs * self.minibatches, -1)
        (weights, moments), _ = jax.lax.scan(learn, (weights, moments), groups)
        return weights, moments, world, step, after, key

    def _act(self, weights: Any, carry: Any, key: jax.Array) -> tuple[Any, Lived]:
        net: Net = nnx.merge(self.graph, weights)
        world, step, hidden = carry
        seen = step.observation
        code = net.encode(seen)
        hidden, _ = net.gru(jnp.where(step.first[:, None], 0.0, hidden), code)
        mean, value = net.heads(code, hidden, seen["action"])
        action = mean + jnp.exp(net.log_std[...][None]) * jax.random.normal(key, mean.shape)
        world, after = self.env.step(world, action)
        log_prob = _log_prob(net, mean, action)
        lived = Lived(seen, step.first, step.last, action, log_prob, value, after.reward, after.discount, after.last)
        return (world, after, hidden), lived

    def _advantage(self, lived: Lived, value: jax.Array) -> jax.Array:
        def back(carry: Any, x: Any) -> Any:
            later, following = carry
            reward, discount, ends, value = x
            surprise = reward + GAMMA * discount * following - value
            later = surprise + GAMMA * LAMBDA * discount * jnp.where(ends, 0.0, later)
            return (later, value), later

        data = (lived.reward, lived.discount, lived.ends, lived.value)
        return jax.lax.scan(back, (jnp.zeros_like(value), value), data, reverse=True)[1]

    def _loss(
        self, weights: Any, hidden: jax.Array, lived: Lived, advantage: jax.Array, target: jax.Array
    ) -> jax.Array:
        net: Net = nnx.merge(self.graph, weights)
        times, batch = lived.first.shape
        flat = jax.tree.map(lambda x: x.reshape(times * batch, *x.shape[2:]), lived.seen)
        code = net.encode(flat)

        def tick(hidden: jax.Array, x: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            hidden, _ = net.gru(jnp.where(x[1][:, None], 0.0, hidden), x[0])
            return hidden, hidden

        _, states = jax.lax.scan(tick, hidden, (code.reshape(times, batch, -1), lived.first))
        mean, value = net.heads(code, states.reshape(times * batch, -1), flat["action"])
        ratio = jnp.exp(_log_prob(net, mean.reshape(times, batch, -1), lived.action) - lived.log_prob)
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        gain = jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - CLIP, 1 + CLIP) * advantage)
        error = 0.25 * jnp.square(value.reshape(times, batch) - target)
        entropy = net.log_std[...].sum()
        return jnp.where(lived.last, 0.0, error - gain).mean() - 0.003 * entropy


def _log_prob(net: Net, mean: jax.Array, action: jax.Array) -> jax.Array:
    log_std = jnp.broadcast_to(net.log_std[...], mean.shape)
    return -(0.5 * jnp.square((action - mean) * jnp.exp(-log_std)) + log_std).sum(-1)
