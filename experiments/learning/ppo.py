"""Proximal policy optimisation (Schulman et al. 2017) through a brain's state over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from agent.circuit import Circuit, Params
from agent.config import option
from agent.motor import policy
from agent.unroll import fold, replay
from envs.base import Env, gain
from experiments.learning.rollout import Life, Moment, begin, decide, first_fault, rollout


@dataclass(frozen=True)
class PpoConfig:
    """PPO. Gradient flows through the brain's state over `steps` decisions: all of an episode if it fits into them."""

    environments: int = option(256, "environments that run side by side, B", low=1)
    steps: int = option(64, "decisions from one update to the next, T", low=2)
    epochs: int = option(3, "passes over what was lived", low=1)
    minibatches: int = option(16, "groups of environments in a pass", low=1)
    rate: float = option(1e-3, "learning rate", low=0.0)
    anneal: bool = option(True, "lower the learning rate linearly to nothing")
    discount: float = option(0.98, "γ, worth of the next decision's reward", low=0.0, high=1.0)
    reward_scale: float = option(1.0, "the worth of a unit of reward; returns of some tens are learned best", low=0.0)
    trace: float = option(0.95, "λ of the generalised advantage estimate", low=0.0, high=1.0)
    clip: float = option(0.2, "ε, how far the policy may move in an update", low=0.0)
    value_weight: float = option(0.5, "weight of the value loss", low=0.0)
    entropy_weight: float = option(0.003, "weight of the entropy bonus", low=0.0)
    max_gradient: float = option(0.5, "largest norm of the gradient", low=0.0)
    policy: str = option(
        "motor.policy", "the port that holds the policy; of the module that moves the body, if none is named"
    )
    value: str = option("value.value", "the port that holds the value")
    losses: Mapping[str, float] = field(
        default_factory=dict, metadata={"help": "weights of losses that modules offer, by port"}
    )

    def __post_init__(self) -> None:
        if self.environments % self.minibatches:
            raise ValueError(f"minibatches ({self.minibatches}) must divide environments ({self.environments}).")


class Learner(NamedTuple):
    """Everything that training changes: restored exactly, it goes on exactly."""

    params: Params
    optimizer: Any
    life: Life
    returns: jax.Array  # [B], what the running episodes got so far of the task's metric, often the reward
    key: jax.Array  # raw key data
    updates: jax.Array  # () int32


@dataclass(frozen=True, eq=False)
class Ppo:
    """The algorithm for one brain in one world.

    `learner = ppo.init(key)`, then `learner, metrics = ppo.update(learner)`, again and again.
    """

    config: PpoConfig
    circuit: Circuit
    env: Env
    updates: int

    def init(self, key: jax.Array) -> Learner:
        weights, life, order = jax.random.split(key, 3)
        params = self.circuit.init(weights)
        batch = self.config.environments
        return Learner(
            params,
            self.optimizer.init(params),
            begin(self.circuit, self.env, life),
            jnp.zeros(batch),
            jax.random.key_data(order),
            jnp.zeros((), jnp.int32),
        )

    def update(self, learner: Learner, frozen: Params | None = None) -> tuple[Learner, dict[str, Any]]:
        """Lives for `steps` decisions, then learns from them; pure, and may be vmapped over seeds.

        `frozen` are the circuit's, as an argument of the program and not as constants in it.
        The metrics are numbers, but for `fault`, a `Fault`.
        """
        c, frozen = self.config, frozen or {}
        before, acting = learner.life.brain, self.circuit.whole(learner.params, frozen)
        probes = tuple(dict.fromkeys((c.policy, c.value, *self.circuit.followed, *self.circuit.replayed)))
        life, lived = rollout(self.circuit, self.env, acting, learner.life, c.steps, probes=probes)
        advantage, target = advantages(c, lived, self._value(acting, life))
        batch = Batch(before, lived, advantage, target, frozen)
        order = jax.random.fold_in(jax.random.wrap_key_data(learner.key), learner.updates)
        (params, optimizer), metrics = jax.lax.scan(
            partial(self._epoch, batch), (learner.params, learner.optimizer), jax.random.split(order, c.epochs)
        )
        params = self.circuit.renew(params, {port: fold(lived.trace[port]) for port in self.circuit.followed})
        metrics = {name: value.mean() for name, value in metrics.items()}
        returns, episodes = _episodes(self.env, learner.returns, lived)
        episodes["fault"] = first_fault(self.env, learner.life, lived)
        learner = Learner(params, optimizer, life, returns, learner.key, learner.updates + 1)
        return learner, {**metrics, **episodes}

    @property
    def optimizer(self) -> optax.GradientTransformation:
        c = self.config
        steps = self.updates * c.epochs * c.minibatches
        rate = optax.linear_schedule(c.rate, 0.0, steps) if c.anneal else c.rate
        return optax.chain(optax.clip_by_global_norm(c.max_gradient), optax.adam(rate, eps=1e-5))

    def _value(self, params: Params, life: Life) -> jax.Array:
        """The worth of what the brain sees last, `[B]`; it is not acted upon here."""
        _, moment = decide(self.circuit, self.env, params, life, probes=(self.config.value,))
        return moment.trace[self.config.value]

    def _epoch(self, batch: Batch, carry: Any, key: jax.Array) -> tuple[Any, dict[str, jax.Array]]:
        """One pass over all environments, in groups."""
        c = self.config
        groups = jax.random.permutation(key, c.environments).reshape(c.minibatches, -1)

        def learn(carry: Any, group: jax.Array) -> tuple[Any, dict[str, jax.Array]]:
            params, optimizer = carry
            gradient, metrics = jax.grad(self._loss, has_aux=True)(params, batch.take(group))
            change, optimizer = self.optimizer.update(gradient, optimizer, params)
            metrics["gradient"] = optax.tree.norm(gradient)
            return (optax.apply_updates(params, change), optimizer), metrics

        return jax.lax.scan(learn, carry, groups)

    def _loss(self, params: Params, batch: Batch) -> tuple[jax.Array, dict[str, jax.Array]]:
        c, lived = self.config, batch.lived
        probes = (c.policy, c.value, *c.losses)
        given = {port: lived.trace[port] for port in self.circuit.replayed}
        moments = (batch.brain, lived.observation, lived.first, lived.key)
        whole = self.circuit.whole(params, batch.frozen)
        trace = replay(self.circuit, whole, *moments, probes=probes, given=given)
        counts = ~lived.last  # a decision after the end moved nothing
        mean = partial(_mean, counts=counts)
        before = policy.log_prob(lived.trace[c.policy], lived.action)
        change = policy.log_prob(trace[c.policy], lived.action) - before
        ratio = jnp.exp(change)
        deviation = jnp.sqrt(mean(jnp.square(batch.advantage - mean(batch.advantage))))
        advantage = (batch.advantage - mean(batch.advantage)) / (deviation + 1e-8)
        gain = jnp.minimum(ratio * advantage, jnp.clip(ratio, 1.0 - c.clip, 1.0 + c.clip) * advantage)
        terms = {
            "loss/policy": -mean(gain),
            "loss/value": c.value_weight * mean(0.5 * jnp.square(trace[c.value] - batch.target)),
            "loss/entropy": -c.entropy_weight * mean(policy.entropy(trace[c.policy])),
            **{f"loss/{port}": weight * trace[port].mean() for port, weight in c.losses.items()},
        }
        loss = sum(terms.values(), jnp.zeros(()))
        kl = mean(jnp.expm1(change) - change)  # Schulman's k3 estimate; ratio - 1 would round small ones away
        return loss, {"loss": loss, **terms, "policy/kl": kl, "policy/entropy": mean(policy.entropy(trace[c.policy]))}


class Batch(NamedTuple):
    """What an update learns from: time first, `[T, B, ...]`; the brain's state at the start, `[B, ...]`."""

    brain: Any
    lived: Moment
    advantage: jax.Array
    target: jax.Array
    frozen: Params = {}  # weights that are not learned

    def take(self, group: jax.Array) -> Batch:
        """The same for some of the environments."""
        lived, advantage, target = jax.tree.map(lambda x: x[:, group], self[1:4])
        return Batch(jax.tree.map(lambda x: x[group], self.brain), lived, advantage, target, self.frozen)


def advantages(config: PpoConfig, lived: Moment, final: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Generalised advantages and value targets, `[T, B]` each; `final` is V at T, `[B]`.

    δ_t = r_t + γ V_{t+1} - V_t, A_t = δ_t + γ λ A_{t+1} (Schulman et al. 2016, eqs. 12 and 16).

    An episode that was cut off still counts its last value; nothing flows back across the start of the next one.
    """
    values = jnp.concatenate([lived.trace[config.value], final[None]])
    discount = config.discount * lived.discount
    surprise = config.reward_scale * lived.reward + discount * values[1:] - values[:-1]
    keep = jnp.where(lived.ends, 0.0, config.trace) * discount

    def back(later: jax.Array, moment: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        surprise, keep = moment
        advantage = surprise + keep * later
        return advantage, advantage

    _, advantage = jax.lax.scan(back, jnp.zeros_like(final), (surprise, keep), reverse=True)
    return advantage, advantage + values[:-1]


def _mean(x: jax.Array, counts: jax.Array) -> jax.Array:
    return jnp.where(counts, x, 0.0).sum() / counts.sum()


def _episodes(env: Env, running: jax.Array, lived: Moment) -> tuple[jax.Array, dict[str, Any]]:
    """The task's metric in the running episodes `[B]`, and sums: of it over the episodes that ended, of all reward."""

    def tick(running: jax.Array, moment: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        more, ends = moment
        running = running + more
        return jnp.where(ends, 0.0, running), jnp.where(ends, running, 0.0)

    running, ended = jax.lax.scan(tick, running, (gain(env, lived), lived.ends))
    terms = {f"reward/{name}": value.mean() for name, value in lived.terms.items()}
    return running, {
        "episodes": lived.ends.sum(),
        "metric": ended.sum(),
        "reward": lived.reward.sum(),
        "bad": lived.bad.sum(),
        **terms,
    }
