"""`bench recall`: what learning through a store costs, by what of it is kept for the gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

import agent
from agent.circuit import Circuit
from agent.ports import Port, Ports
from agent.unroll import replay
from experiments.bench.timing import alternate
from experiments.provenance import circumstances

TIMES, BATCH, KEY, VALUE = 64, 64, 32, 64
STORE = {"kind": "episodic_memory", "slots": 256, "features": 16, "every": 1, "threshold": -1.0}
WAYS = {
    "query, all slots": {"read": 0},
    "query, the 8 most alike": {"read": 8},
    "replay": {"read": 8, "learn": "replay"},
}


def bench(turns: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Gradients of 64 decisions of 64 environments: decisions per CPU-second, and bytes that a gradient needs."""
    jobs, needed = {}, {}
    for name, options in WAYS.items():
        job = _gradient(_wired({**STORE, **options}))
        needed[name] = job[1]
        jobs[name] = (job[0], TIMES * BATCH)
        say(f"{name}: {needed[name] / 1e6:,.0f} MB")
    rates = {name: rate.plain() for name, rate in alternate(jobs, turns).items()}
    return {
        "per_cpu_second": {name: rate["per_cpu_second"] for name, rate in rates.items()},
        "bytes": needed,
        "store": STORE,
        "ways": WAYS,
        "turns": turns,
        "measured": circumstances(),
    }


def _wired(options: dict[str, Any]) -> Circuit:
    wires = ["body.key -> it.key", "body.value -> it.value", "it.recall -> mover.senses", "mover.code -> body.action"]
    modules = {"it": options, "mover": {"kind": "body_encoder", "width": 8}}
    senses = Ports(key=Port((KEY,)), value=Port((VALUE,)))
    return agent.build({"modules": modules, "wires": wires}, senses, Port((8,), "action"))


def _gradient(circuit: Circuit) -> tuple[Callable[[], Any], int]:
    """The gradient of a loss in the action as learning takes it, and the bytes that its program works in."""
    keys = jax.random.split(jax.random.key(0), 4)
    params = circuit.init(keys[0])
    shapes = {"key": KEY, "value": VALUE}
    sensed = {n: jax.random.normal(k, (TIMES, BATCH, d)) for (n, d), k in zip(shapes.items(), keys[1:], strict=False)}
    first = jnp.zeros((TIMES, BATCH), bool).at[0].set(True)
    given = {port: jnp.zeros((TIMES, BATCH, VALUE)) for port in circuit.replayed}
    moments = (circuit.initial(BATCH), sensed, first, jax.random.split(keys[3], (TIMES, BATCH)))

    def loss(params: Any, given: Any) -> jax.Array:
        return jnp.square(replay(circuit, params, *moments, probes=("mover.code",), given=given)["mover.code"]).mean()

    program = jax.jit(jax.grad(loss)).lower(params, given).compile()
    needed: Any = program.memory_analysis()
    return lambda: program(params, given), int(needed.temp_size_in_bytes)
