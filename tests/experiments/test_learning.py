"""PPO learns: its loss piece by piece against rlax, and whole on small worlds whose optimum is known."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import Any, NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import rlax

import agent
from agent.motor import policy
from agent.ports import Port, Ports
from agent.unroll import unroll
from envs.base import TimeStep
from experiments.learning.ppo import Batch, Learner, Ppo, PpoConfig
from experiments.learning.rollout import rollout

LENGTH = 4  # decisions of an episode


class Toy(NamedTuple):
    """State of a toy world: `[B]` each."""

    key: jax.Array  # [B, 2]
    time: jax.Array
    bit: jax.Array


class Bandit:
    """Pays 1 - (a - 1/2)² for the only action of every episode: at most 1."""

    length = 1

    def __init__(self, batch: int) -> None:
        self.batch = batch
        box = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.observation_space = gymnasium.spaces.Dict({"cue": box, "action": box})
        self.action_space = box

    def reset(self, key: jax.Array) -> tuple[Toy, TimeStep]:
        keys = jax.random.key_data(jax.random.split(key, self.batch))
        ended = jnp.full(self.batch, self.length, jnp.int32)
        return self.step(Toy(keys, ended, jnp.zeros(self.batch)), jnp.zeros((self.batch, 1)))

    def step(self, state: Toy, action: jax.Array) -> tuple[Toy, TimeStep]:
        first = state.time >= self.length
        keys = jax.vmap(jax.random.split)(jax.random.wrap_key_data(state.key))
        drawn = jax.vmap(lambda k: jax.random.rademacher(k, (), jnp.float32))(keys[:, 1])
        bit = jnp.where(first, drawn, state.bit)
        time = jnp.where(first, 0, state.time + 1)
        last = time >= self.length
        reward = jnp.where(last, self.worth(action[:, 0], bit), 0.0)
        observation = {"cue": self.cue(time, bit)[:, None], "action": jnp.where(first[:, None], 0.0, action)}
        none = jnp.zeros(self.batch, bool)
        step = TimeStep(observation, reward, {"worth": reward}, jnp.where(last, 0.0, 1.0), first, last, none)
        return Toy(jax.random.key_data(keys[:, 0]), time, bit), step

    def worth(self, action: jax.Array, bit: jax.Array) -> jax.Array:
        return 1.0 - jnp.square(action - 0.5)

    def cue(self, time: jax.Array, bit: jax.Array) -> jax.Array:
        return jnp.ones_like(bit)


class Recall(Bandit):
    """Shows a bit at the start; the last action of the episode is paid by its likeness to that bit, -1 to 1."""

    length = LENGTH

    def worth(self, action: jax.Array, bit: jax.Array) -> jax.Array:
        return bit * jnp.clip(action, -1.0, 1.0)

    def cue(self, time: jax.Array, bit: jax.Array) -> jax.Array:
        return jnp.where(time == 0, bit, 0.0)


MEMORY = {"kind": "gru", "size": 16}


def brain(memory: dict[str, Any] = MEMORY, *wires: str) -> dict[str, Any]:
    return {
        "modules": {
            "soma": {"kind": "body_encoder", "width": 8},
            "v1": {"kind": "lif", "size": 8},
            "prefrontal": memory,
            "motor": {"kind": "gaussian_motor", "hidden": 16, "std": 0.25},
            "value": {"kind": "critic", "hidden": 16},
        },
        "wires": [
            "body.cue -> soma.senses",
            "soma.code -> v1.current",
            "v1.rate -> prefrontal.input",
            "soma.code -> prefrontal.input",
            "soma.code -> motor.drive",
            "prefrontal.state -> motor.drive",
            "body.action -> motor.previous",
            "prefrontal.state -> value.state",
            "soma.code -> value.state",
            "motor.action -> body.action",
            *wires,
        ],
    }


def ppo_of(env: Bandit, mapping: dict[str, Any], updates: int = 10, **options: Any) -> Ppo:
    config = PpoConfig(environments=env.batch, **{"steps": 8, "epochs": 2, "minibatches": 2, "rate": 3e-3, **options})
    senses = Ports({name: Port((1,)) for name in ("cue", "action")})
    return Ppo(config, agent.build(mapping, senses, Port((1,), "action")), env, updates)


def lived(ppo: Ppo, learner: Learner) -> Batch:
    """What a rollout gives to learn from, with made-up advantages."""
    c = ppo.config
    _, moments = rollout(ppo.circuit, ppo.env, learner.params, learner.life, c.steps, probes=(c.policy, c.value))
    advantage = jax.random.normal(jax.random.key(7), moments.reward.shape)
    return Batch(learner.life.brain, moments, advantage, moments.reward)


def moved(learner: Learner, size: float = 0.03) -> Any:
    """Weights near to those that acted, so that ratios differ from one."""
    leaves, structure = jax.tree.flatten(learner.params)
    keys = jax.random.split(jax.random.key(5), len(leaves))
    return structure.unflatten([w + size * jax.random.normal(k, w.shape) for w, k in zip(leaves, keys, strict=True)])


@cache
def small() -> tuple[Ppo, Learner]:
    ppo = ppo_of(Recall(4), brain())
    return ppo, jax.jit(ppo.init)(jax.random.key(0))


def test_the_policy_loss_is_that_of_rlax() -> None:
    ppo, learner = small()

    @jax.jit
    def both(learner: Learner, params: Any) -> tuple[dict[str, jax.Array], Batch, jax.Array]:
        batch = lived(ppo, learner)
        _, metrics = ppo._loss(params, batch)
        _, trace = unroll(ppo.circuit, params, batch.brain, *batch.lived[:2], batch.lived.key, probes=("motor.policy",))
        return metrics, batch, trace["motor.policy"]

    metrics, batch, now = both(learner, moved(learner))
    acts = ~np.asarray(batch.lived.last)
    before = policy.log_prob(batch.lived.trace["motor.policy"], batch.lived.action)
    ratio = np.exp(policy.log_prob(now, batch.lived.action) - before)[acts]
    advantage = np.asarray(batch.advantage)[acts]
    advantage = (advantage - advantage.mean()) / advantage.std()
    assert ratio.std() > 0.05
    expected = rlax.clipped_surrogate_pg_loss(jnp.array(ratio), jnp.array(advantage), ppo.config.clip)
    assert float(metrics["loss/policy"]) == pytest.approx(float(expected), abs=2e-5)
    assert float(metrics["policy/kl"]) == pytest.approx(float((ratio - 1 - np.log(ratio)).mean()), abs=2e-5)


def test_what_is_decided_after_the_end_does_not_count() -> None:
    """Neither its action nor its advantage nor its target reaches the loss or the gradient."""
    ppo, learner = small()
    gradient = jax.jit(jax.grad(ppo._loss, has_aux=True))
    batch = jax.jit(partial(lived, ppo))(learner)
    ended = batch.lived.last
    assert 0 < int(ended.sum()) < ended.size

    def spoil(x: jax.Array) -> jax.Array:
        return jnp.where(ended.reshape(ended.shape + (1,) * (x.ndim - 2)), 3.0 * x + 7.0, x)

    odd = batch._replace(
        advantage=spoil(batch.advantage),
        target=spoil(batch.target),
        lived=batch.lived._replace(action=spoil(batch.lived.action)),
    )
    params = moved(learner)
    for a, b in zip(*(jax.tree.leaves(gradient(params, x)) for x in (batch, odd)), strict=True):
        np.testing.assert_array_equal(a, b)
    elsewhere = batch._replace(advantage=batch.advantage.at[0, 0].add(1.0))
    assert float(gradient(params, elsewhere)[1]["loss"]) != float(gradient(params, batch)[1]["loss"])


BACK = (
    "prefrontal.state -> v1.current @ delay=1",
    "prefrontal.state -> v1.current @ delay=2",
    "prefrontal.state -> prefrontal.input @ delay=1",
    "soma.code -> value.state @ delay=3",
)


def test_learning_sees_what_acting_did_through_delayed_wires() -> None:
    """From the middle of an episode: what travels on the wires, and what is cleared at a start, is the same."""
    ppo = ppo_of(Recall(4), brain(MEMORY, *BACK), steps=7)

    @jax.jit
    def later(key: jax.Array) -> dict[str, jax.Array]:
        learner = ppo.init(key)
        learner, _ = ppo.update(learner._replace(params=moved(learner, 0.3)))
        return ppo._loss(learner.params, lived(ppo, learner))[1]

    assert float(later(jax.random.key(1))["policy/kl"]) < 1e-9


def test_the_weight_of_a_loss_moves_its_module() -> None:
    ppo, learner = small()
    batch = jax.jit(partial(lived, ppo))(learner)

    def pull(losses: dict[str, float]) -> Any:
        weighted = replace(ppo, config=replace(ppo.config, losses=losses))
        return jax.jit(jax.grad(lambda p: weighted._loss(p, batch)[0]))(learner.params)

    without, pulled = pull({}), pull({"v1.rate_loss": 2.0})
    difference = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), without, pulled)
    assert max(jax.tree.leaves(difference["v1"])) > 1e-5
    assert max(jax.tree.leaves({n: difference[n] for n in ("motor", "value", "prefrontal")})) < 1e-7


def test_the_same_seed_gives_the_same_bits() -> None:
    ppo, _ = small()
    run = jax.jit(lambda key: ppo.update(ppo.init(key))[0])
    first, again, other = (jax.tree.leaves(run(jax.random.key(seed))) for seed in (3, 3, 4))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(first, again, strict=True))
    assert first[0].tobytes() != other[0].tobytes()


def test_the_rate_falls_to_nothing() -> None:
    """Over all updates, linearly; without annealing it stays."""

    def sizes(anneal: bool) -> list[float]:
        ppo, _ = small()
        optimizer = replace(ppo, config=replace(ppo.config, anneal=anneal, max_gradient=1e9), updates=3).optimizer
        state, found = optimizer.init(jnp.ones(1)), []
        for _ in range(3 * 2 * 2):
            change, state = optimizer.update(jnp.ones(1), state)
            found.append(-float(change[0]))
        return found

    np.testing.assert_allclose(sizes(True), 3e-3 * (1 - np.arange(12) / 12), rtol=1e-3)
    np.testing.assert_allclose(sizes(False), 3e-3, rtol=1e-3)


def trained(env: Bandit, mapping: dict[str, Any], updates: int, **options: Any) -> float:
    """Mean worth of an episode over the last tenth of a training."""
    ppo = ppo_of(env, mapping, updates, **options)

    @jax.jit
    def learn(key: jax.Array) -> dict[str, jax.Array]:
        return jax.lax.scan(lambda learner, _: ppo.update(learner), ppo.init(key), None, length=updates)[1]

    rows = jax.tree.map(lambda x: x[-max(1, updates // 10) :].sum(), learn(jax.random.key(0)))
    return float(rows["metric"] / rows["episodes"])


def test_it_learns_a_bandit() -> None:
    assert trained(Bandit(64), brain(), 60) > 0.9


def test_only_a_memory_recalls() -> None:
    """One bit, shown four decisions before it is asked for: chance is 0, knowing it 1."""
    options = {"steps": 10, "rate": 5e-3, "discount": 0.95, "entropy_weight": 0.0}
    assert trained(Recall(64), brain(), 120, **options) > 0.8
    forgetful = brain({"kind": "none", "like": MEMORY})
    forgetful["modules"]["v1"] = {"kind": "none", "like": {"kind": "lif", "size": 8}}  # membranes remember, too
    assert abs(trained(Recall(64), forgetful, 120, **options)) < 0.15
