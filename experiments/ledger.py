"""What every module of a brain costs per decision: time, arithmetic, memory, spikes and an estimate of energy."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from agent.circuit import Circuit, Params
from agent.module import Arrays
from experiments.learning.rollout import begin, keys, rollout
from experiments.run import Run, make_env

BATCH = 256
WARM = 50  # decisions before the one that is looked at
MAC, ADD = 4.6e-12, 0.9e-12
"""Energy of a 32-bit floating point multiplication with addition, and of an addition alone, J (Horowitz 2014, 45 nm).

Counted after Rueckauer et al. 2017: a spike costs an addition per synapse that it reaches; all other arithmetic is
multiplications with additions. What moving the numbers to and from memory costs is left out, which on a real machine is
often more.
"""


@dataclass(frozen=True)
class Row:
    """One module, per decision of one environment.

    seconds: CPU time, s; flops, bytes: floating point operations and memory traffic, as XLA counts them in the compiled
    module; parameters: weights; spikes: on all its ports of that meaning; additions: those that spikes cause;
    joules: estimate of `MAC` and `ADD`.
    """

    module: str
    kind: str
    seconds: float
    flops: float
    bytes: float
    parameters: int
    spikes: float
    additions: float
    joules: float

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def ledger(run: Run, repeats: int = 5, say: Callable[[str], None] = lambda text: None) -> list[Row]:
    """A row per module in the order in which they run, and one for their sum; measured on what the run's brain meets
    after `WARM` decisions in `BATCH` environments, every module compiled alone.
    """
    env, circuit, params = make_env(run.setup, BATCH), run.circuit, run.learner().params
    live = jax.jit(lambda life: rollout(circuit, env, params, life, WARM)[0])
    life = live(begin(circuit, env, jax.random.key(0)))
    first, key = life.seen.first, keys(life, BATCH)
    _, _, sent = circuit.step(params, life.brain, life.seen.observation, first, key, probes=circuit.port_names)
    sent = sent | circuit.models(params)
    arriving = {w: buffer[:, 0] for w, buffer in circuit.carried(life.brain["wires"], first).items()}
    rows = []
    for name in circuit.modules:
        say(f"{name} ...")
        inputs = circuit.gather(name, sent, arriving)
        rows.append(_row(circuit, name, params, life.brain["modules"][name], inputs, first, key, repeats))
    return [*rows, _total(rows)]


def _row(
    circuit: Circuit,
    name: str,
    params: Params,
    state: Any,
    inputs: Arrays,
    first: jax.Array,
    key: jax.Array,
    repeats: int,
) -> Row:
    def decide(weights: Any, state: Any, inputs: Arrays, first: jax.Array, key: jax.Array) -> Any:
        return circuit.advance(name, params | {name: weights}, state, inputs, first, key)

    arguments = (params[name], state, inputs, first, key)
    compiled = jax.jit(decide).lower(*arguments).compile()
    cost: Any = compiled.cost_analysis() or {}
    _, outputs = compiled(*arguments)
    additions, replaced = circuit.boxes[name].spike_driven(inputs, outputs)
    flops, ports = cost.get("flops", 0.0) / BATCH, circuit.outputs[name]
    spikes = sum(float(outputs[p].sum()) / BATCH for p, port in ports.items() if port.meaning == "spikes")
    added = float(jnp.mean(jnp.asarray(additions)))
    return Row(
        module=name,
        kind=circuit.graph.nodes[name]["kind"],
        seconds=_seconds(lambda: jax.block_until_ready(compiled(*arguments)), repeats) / BATCH,
        flops=flops,
        bytes=cost.get("bytes accessed", 0.0) / BATCH,
        parameters=sum(int(np.size(x)) for x in jax.tree.leaves(params[name])),
        spikes=spikes,
        additions=added,
        joules=max(0.0, flops / 2 - replaced) * MAC + added * ADD,
    )


def _seconds(call: Callable[[], Any], repeats: int) -> float:
    """CPU time of one call, the median of some turns of as many calls as make 20 ms."""
    once = _cpu(call, 1)
    calls = max(1, round(0.02 / max(once, 1e-5)))
    return statistics.median(_cpu(call, calls) for _ in range(repeats))


def _cpu(call: Callable[[], Any], calls: int) -> float:
    before = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - before) / calls


def _total(rows: list[Row]) -> Row:
    names = ("seconds", "flops", "bytes", "parameters", "spikes", "additions", "joules")
    sums: dict[str, Any] = {name: sum(getattr(row, name) for row in rows) for name in names}
    return Row(module="all", kind="", **sums)
