"""Delayed recall: a spiking network whose thresholds adapt keeps a cue that one without adaptation loses."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

import agent
from agent import Circuit, Port, Ports
from agent.unroll import unroll

DELAY, BATCH, UPDATES = 16, 128, 500
"""Decisions of 0.1 s between cue and question; trials in an update; updates."""


def brain(adaptive: float) -> Circuit:
    mapping = {
        "modules": {
            "memory": {"kind": "lsnn", "size": 64, "adaptive": adaptive},
            "answer": {"kind": "critic", "hidden": 32},
            "mover": {"kind": "body_encoder", "width": 1},
        },
        "wires": [
            "body.seen -> memory.input",
            "memory.state -> answer.state",
            "body.seen -> mover.senses",
            "mover.code -> body.action",
        ],
    }
    return agent.build(mapping, Ports(seen=Port((6,))), Port((1,), "action"))


def trials(key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`[T, B, 6]` and the cue: two lines for it, one that asks at the end, three of noise all the time."""
    draw, noise = jax.random.split(key)
    cue = jax.random.bernoulli(draw, shape=(BATCH,)).astype(jnp.int32)
    seen = jnp.zeros((DELAY + 2, BATCH, 6)).at[0, :, :2].set(jax.nn.one_hot(cue, 2)).at[-1, :, 2].set(1.0)
    return seen.at[:, :, 3:].set(0.5 * jax.random.normal(noise, (DELAY + 2, BATCH, 3))), cue


def recall(adaptive: float, seed: int) -> float:
    """Part of new trials answered rightly after training by gradient."""
    circuit, optimizer = brain(adaptive), optax.chain(optax.clip_by_global_norm(1.0), optax.adam(3e-3))
    params = circuit.init(jax.random.key(seed))

    def answer(params: Any, seen: jax.Array) -> jax.Array:
        first = jnp.zeros(seen.shape[:2], bool).at[0].set(True)
        keys = jax.random.split(jax.random.key(0), seen.shape[:2])
        start = circuit.initial(BATCH)
        return unroll(circuit, params, start, {"seen": seen}, first, keys, probes=("answer.value",))[1]["answer.value"][
            -1
        ]

    def loss(params: Any, key: jax.Array) -> jax.Array:
        seen, cue = trials(key)
        return optax.sigmoid_binary_cross_entropy(answer(params, seen), cue.astype(jnp.float32)).mean()

    @jax.jit
    def train(params: Any) -> Any:
        def update(carry: Any, key: jax.Array) -> tuple[Any, None]:
            params, moments = carry
            step, moments = optimizer.update(jax.grad(loss)(params, key), moments, params)
            return (optax.apply_updates(params, step), moments), None

        keys = jax.random.split(jax.random.key(seed + 100), UPDATES)
        return jax.lax.scan(update, (params, optimizer.init(params)), keys)[0][0]

    params = train(params)
    seen, cue = trials(jax.random.key(9999 + seed))
    return float(((partial(answer, params)(seen) > 0) == (cue == 1)).mean())


@pytest.mark.slow
def test_a_cue_is_recalled_after_a_delay_only_with_adaptation() -> None:
    """1.7 s after the cue, 17 times the longest other time constant; three seeds each."""
    adapting, plain = ([recall(part, seed) for seed in range(3)] for part in (0.5, 0.0))
    print(f"with adaptation {adapting}, without {plain}")
    assert min(adapting) > 0.95
    assert max(plain) < 0.75
