"""A two-armed bandit that turns round; reward reaches the brain only as neuromodulators. Frozen, it perseveres."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import agent
from agent import Port, Ports
from agent.motor import policy

LIVES, TRIALS, PHASES, UPDATES = 128, 40, 3, 300
WINDOW, LEARNED = 6, 5  # so many of the last so many choices are right when the rule is learned
LATER = 12  # the arms change places 1 to 12 trials after that: too loosely for a brain to count them off
BRAIN = {
    "modules": {
        "prefrontal": {"kind": "gru", "size": 24},
        "value": {"kind": "critic", "hidden": 24, "discount": 0.9},
        "modulators": {"kind": "neuromodulators"},
        "motor": {"kind": "gaussian_motor", "hidden": 24},
    },
    "wires": [
        "body.phase -> prefrontal.input",
        "body.chosen -> prefrontal.input",
        "modulators.levels -> prefrontal.input @ delay=1",
        "body.reward -> value.reward",
        "body.reward -> modulators.reward",
        "value.error -> modulators.error",
        "prefrontal.state -> value.state",
        "prefrontal.state -> motor.drive",
        "body.chosen -> motor.previous",
        "motor.action -> body.action",
    ],
}
PORTS = ("dopamine", "acetylcholine", "noradrenaline", "serotonin", "reset", "levels")
CIRCUIT = agent.build(BRAIN, Ports(phase=Port((PHASES,)), chosen=Port((1,)), reward=Port((1,))), Port((1,), "action"))


class World(NamedTuple):
    good: jax.Array  # [B] 1.0 or -1.0
    right: jax.Array  # [B, WINDOW], latest first
    due: jax.Array  # [B] trials until the arms change places; -1: not yet learned
    since: jax.Array  # [B] trials since they did; -1: never
    chosen: jax.Array  # [B, 1]
    reward: jax.Array  # [B, 1]


def begin(key: jax.Array) -> World:
    good = 2.0 * jax.random.bernoulli(key, shape=(LIVES,)) - 1.0
    never = jnp.full(LIVES, -1)
    return World(good, jnp.zeros((LIVES, WINDOW)), never, never, jnp.zeros((LIVES, 1)), jnp.zeros((LIVES, 1)))


def choose(world: World, action: jax.Array, key: jax.Array) -> World:
    arm = jnp.where(action[:, 0] > 0, 1.0, -1.0)
    hit = (arm == world.good).astype(jnp.float32)
    right = jnp.concatenate([hit[:, None], world.right[:, :-1]], axis=1)
    learned = (right.sum(axis=1) >= LEARNED) & (world.due < 0)
    due = jnp.where(learned, jax.random.randint(key, (LIVES,), 1, LATER + 1), world.due - (world.due > 0))
    turns = due == 0
    return World(
        jnp.where(turns, -world.good, world.good),
        jnp.where(turns[:, None], 0.0, right),
        jnp.where(turns, -1, due),
        jnp.where(turns, 0, world.since + (world.since >= 0)),
        arm[:, None],
        hit[:, None],
    )


def live(params: Any, key: jax.Array, clamp: Any = None, mode: bool = False) -> dict[str, jax.Array]:
    """An episode of all lives: in the first phase of a trial it sees what came of the last, in the last it chooses."""
    probes = ("motor.policy", "value.value", *(f"modulators.{port}" for port in PORTS))

    def decide(carry: tuple[Any, World], t: jax.Array) -> tuple[tuple[Any, World], dict[str, jax.Array]]:
        state, world = carry
        draw, turn = jax.random.split(jax.random.fold_in(key, t))
        phase, outcome = t % PHASES, (t % PHASES == 0).astype(jnp.float32)
        seen = {
            "phase": jnp.broadcast_to(jax.nn.one_hot(phase, PHASES), (LIVES, PHASES)),
            "chosen": world.chosen,
            "reward": outcome * world.reward,
        }
        first, keys = jnp.full(LIVES, t == 0), jax.random.split(draw, LIVES)
        state, action, trace = CIRCUIT.step(params, state, seen, first, keys, probes=probes, clamp=clamp)
        action = policy.mode(trace["motor.policy"]) if mode else jax.lax.stop_gradient(action)
        chooses = phase == PHASES - 1
        after = jax.tree.map(partial(jnp.where, chooses), choose(world, action, turn), world)
        hit = after.reward[:, 0] * chooses
        likely = policy.log_prob(trace["motor.policy"], action) * chooses
        entropy = policy.entropy(trace["motor.policy"]) * chooses
        told = {"hit": hit, "likely": likely, "entropy": entropy, "since": jnp.where(chooses, world.since, -1)}
        return (state, after), told | trace

    start = (CIRCUIT.initial(LIVES), begin(key))
    return jax.lax.scan(decide, start, jnp.arange(TRIALS * PHASES))[1]


def loss(params: Any, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Policy gradient with a learned baseline (Williams 1992)."""
    lived = live(params, key)
    back = lambda later, now: (now + 0.9 * later, now + 0.9 * later)  # noqa: E731
    _, returns = jax.lax.scan(back, jnp.zeros(LIVES), lived["hit"], reverse=True)
    value = lived["value.value"]
    advantage = jax.lax.stop_gradient(returns - value)
    gain = (lived["likely"] * advantage + 0.01 * lived["entropy"]).sum() / (LIVES * TRIALS)
    return 0.5 * jnp.square(value - returns).mean() - gain, lived["hit"].sum() / (LIVES * TRIALS)


def trained(seed: int) -> Any:
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(5e-3))
    params = CIRCUIT.init(jax.random.key(seed))

    def update(carry: Any, n: jax.Array) -> Any:
        params, state = carry
        gradient, right = jax.grad(loss, has_aux=True)(params, jax.random.fold_in(jax.random.key(seed + 100), n))
        change, state = optimizer.update(gradient, state, params)
        return (optax.apply_updates(params, change), state), right

    go = jax.jit(lambda params: jax.lax.scan(update, (params, optimizer.init(params)), jnp.arange(UPDATES)))
    (params, _), right = go(params)
    print(f"right in training: {[round(float(x), 3) for x in right[:: UPDATES // 6]]}")
    return params


def after_reversal(lived: dict[str, jax.Array]) -> float:
    """Part of right choices in the second to fifth trial after the arms changed places."""
    scored = (np.asarray(lived["since"]) >= 1) & (np.asarray(lived["since"]) < 5)
    assert scored.sum() > LIVES
    return float(np.asarray(lived["hit"])[scored].mean())


@pytest.mark.slow
def test_a_frozen_meta_controller_perseveres() -> None:
    params, key = trained(0), jax.random.key(7)
    test = jax.jit(partial(live, mode=True))
    intact = test(params, key)
    frozen = {f"modulators.{p}": intact[f"modulators.{p}"].mean(axis=(0, 1)) for p in PORTS}
    lesioned = test(params, key, frozen)
    found = after_reversal(intact), after_reversal(lesioned)
    print(f"right after reversal: intact {found[0]:.3f}, with a frozen meta-controller {found[1]:.3f}")
    assert found[0] > 0.8
    assert found[1] < 0.3
