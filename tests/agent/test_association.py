"""A brain without gradients learns within a life what to do at which cue, and learns anew when the rules turn round."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import agent
from agent import Port, Ports

CUES, ACTIONS, LIVES, TRIALS = 4, 2, 32, 800
BRAIN = {
    "modules": {
        "striatum": {
            "kind": "lif",
            "size": 80,
            "ticks": 10,
            "rate": "20 Hz",
            "noise": 1.0,
            "rule": "three_factor",
            "plasticity": {"rate": 0.1, "depression": 0.0, "tau_eligibility": "50 ms", "bound": 5.0},
        },
        "dopamine": {"kind": "td_critic", "discount": 0.0, "rate": 0.1},
        "ganglia": {"kind": "winner", "actions": ACTIONS},
    },
    "wires": [
        "body.cue -> striatum.current",
        "body.cue -> dopamine.state",
        "body.reward -> dopamine.reward",
        "dopamine.error -> striatum.dopamine",
        "striatum.rate -> ganglia.rate",
        "ganglia.action -> body.action",
    ],
}


def live(rate: float, trials: int = TRIALS, seed: int = 0) -> np.ndarray:
    """Whether each action was right, `[trials, lives]`; half way what was right becomes wrong."""
    brain: Any = jax.tree.map(lambda x: x, BRAIN)
    brain["modules"]["striatum"]["plasticity"]["rate"] = rate
    circuit = agent.build(brain, Ports(cue=Port((CUES,)), reward=Port((1,))), Port((ACTIONS,), "action"))
    params = circuit.init(jax.random.key(seed))

    def trial(carry: tuple[Any, jax.Array], t: jax.Array) -> tuple[tuple[Any, jax.Array], jax.Array]:
        state, reward = carry
        draw, key = jax.random.split(jax.random.fold_in(jax.random.key(seed + 1), t))
        cue = jax.random.randint(draw, (LIVES,), 0, CUES)
        sensed = {"cue": jax.nn.one_hot(cue, CUES), "reward": reward[:, None]}
        first = jnp.full(LIVES, t == 0)
        state, action, _ = circuit.step(params, state, sensed, first, jax.random.split(key, LIVES))
        wanted = jnp.where(t < trials // 2, cue % ACTIONS, (cue + 1) % ACTIONS)
        right = (jnp.argmax(action, axis=1) == wanted).astype(jnp.float32)
        return (state, right), right

    start = (circuit.initial(LIVES), jnp.zeros(LIVES))
    return np.asarray(jax.jit(lambda s: jax.lax.scan(trial, s, jnp.arange(trials))[1])(start))


def test_learns_within_a_life_and_unlearns_after_reversal() -> None:
    right = live(rate=0.1)
    half, last = TRIALS // 2, 50
    learned, after, relearned = (
        right[s].mean() for s in (slice(half - last, half), slice(half, half + 10), slice(-last, None))
    )
    print(f"learned {learned:.3f}, right after reversal {after:.3f}, learned anew {relearned:.3f} of {LIVES} lives")
    assert learned > 0.9
    assert after < 0.3
    assert relearned > 0.9


def test_without_dopamine_it_stays_at_chance() -> None:
    assert abs(live(rate=0.0, trials=200).mean() - 0.5) < 0.1
