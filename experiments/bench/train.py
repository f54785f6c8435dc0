"""`bench train`: the world alone, the brain alone, both together, and learning, beside a plain reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax

from agent.circuit import Circuit
from envs.base import Env
from experiments.bench.reference import Reference
from experiments.bench.timing import alternate, compile_seconds
from experiments.config import composed, experiment
from experiments.learning.ppo import Ppo
from experiments.learning.rollout import Moment, rollout
from experiments.run import circumstances, make_env, ports


def bench(overrides: Sequence[str], turns: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Decisions per second and per CPU-second of every part; medians over `turns` alternating turns."""
    import agent

    setup = experiment(composed(overrides))
    c = setup.learning
    env = make_env(setup, c.environments)
    circuit = agent.build(setup.agent, *ports(env))
    ppo = Ppo(c, circuit, env, setup.updates)
    plain = Reference(env, c.steps, c.epochs, c.minibatches, setup.updates)
    say("compiling, cold and warm ...")
    learner = jax.jit(ppo.init)(jax.random.key(0))
    carry = plain.init(jax.random.key(0))
    compiled = {"ours": compile_seconds(ppo.update, learner), "plain reference": compile_seconds(plain.update, carry)}
    units = c.environments * c.steps
    update, reference = jax.jit(ppo.update), jax.jit(plain.update)
    probes = (c.policy, c.value)
    acting = jax.jit(lambda life: rollout(circuit, env, learner.params, life, c.steps, probes=probes))
    _, lived = acting(learner.life)
    world, brain = _world(env, c.steps), brain_alone(circuit, learner.params, learner.life.brain, lived, probes)
    say(f"{turns} alternating turns of {units:,} decisions ...")
    rates = alternate(
        {
            "world alone": (lambda: world(learner.life.world), units),
            "brain alone": (brain, units),
            "acting": (lambda: acting(learner.life), units),
            "training": (lambda: update(learner), units),
            "plain reference": (lambda: reference(carry), units),
        },
        turns,
    )
    found: dict[str, Any] = {name: rate.plain() for name, rate in rates.items()}
    slower = min(found["world alone"]["per_second"], found["brain alone"]["per_second"])
    return {
        "rates": found,
        "compile_seconds": compiled,
        "ratios": {
            "acting / slower of world and brain": found["acting"]["per_second"] / slower,
            "training / plain reference, per CPU-second": _ratio(found, "training", "plain reference"),
        },
        "overrides": list(overrides),
        "environments": c.environments,
        "steps": c.steps,
        "measured": circumstances(),
    }


def _ratio(found: dict[str, Any], ours: str, theirs: str) -> float:
    return found[ours]["per_cpu_second"] / found[theirs]["per_cpu_second"]


def _world(env: Env, steps: int) -> Any:
    """The world under random actions, every observation computed."""
    actions = jax.random.uniform(jax.random.key(1), (steps, env.batch, *env.action_space.shape), minval=-1.0)

    def step(world: Any, action: jax.Array) -> tuple[Any, Any]:
        world, seen = env.step(world, action)
        return world, seen

    return jax.jit(lambda world: jax.lax.scan(step, world, actions))


def brain_alone(circuit: Circuit, params: Any, brain: Any, lived: Moment, probes: tuple[str, ...]) -> Any:
    """The brain alone, on what it saw in a rollout."""

    def step(state: Any, moment: Moment) -> tuple[Any, Any]:
        state, action, trace = circuit.step(params, state, moment.observation, moment.first, moment.key, probes=probes)
        return state, (action, trace)

    run = jax.jit(lambda brain, lived: jax.lax.scan(step, brain, lived))
    return lambda: run(brain, lived)
