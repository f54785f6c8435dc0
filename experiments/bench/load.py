"""`bench load`: what each kind of memory keeps under load, after a short training on paired associates.

A list of cues, each with an item and the source it came from, is studied; fillers follow; then cues are tested: which
item, which source, and was it on the list at all? The measures are those of memory research: recall by the length of
the list (paired associates; Calkins 1894) and by the likeness of its cues (interference), and by the delay: false
recognition of unstudied cues that are like studied ones (Deese 1959; Roediger & McDermott 1995) and errors of source
among items that were recalled (Johnson, Hashtroudi & Lindsay 1993).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import agent
from agent.circuit import Circuit
from agent.ports import Port, Ports
from agent.unroll import unroll
from experiments.evaluate import interval
from experiments.folder import write
from experiments.provenance import circumstances

CUE, ITEMS, SOURCES, HIDDEN = 16, 16, 2, 64
STUDY, DELAY, TESTS = 16, 12, 12
"""The most cues and fillers of a list in training, and its tests."""
BATCH, UPDATES, RATE = 32, 400, 5e-3
LISTS = 128  # per seed and measure

STORE = {"slots": 64, "features": 16, "write": "gate"}
KINDS: Mapping[str, Mapping[str, Any]] = {
    "gru": {"kind": "gru", "size": 128},
    "gru, trained 10 times as long": {"kind": "gru", "size": 128},
    "s5": {"kind": "s5", "size": 128, "modes": 32, "layers": 2},
    "transformer": {"kind": "transformer", "size": 64, "window": 32},
    "episodic_memory": {"kind": "episodic_memory", "threshold": -1.0, **STORE},
    "episodic_memory, replayed": {"kind": "episodic_memory", "threshold": -1.0, "learn": "replay", **STORE},
    "hopfield": {"kind": "hopfield", "iterations": 2, **STORE},
    "dnd": {"kind": "dnd", **STORE},
    "retrieval": {"kind": "retrieval", "follow": 1, **STORE},
}
LONGER = {"gru, trained 10 times as long": 10}
"""Kinds that have so many times the updates: to tell what cannot be held from what is not learned yet."""
LOADS, LIKENESSES, DELAYS = (2, 8, 32, 64, 128), (0.0, 0.5, 0.8, 0.9), (0, 16, 48, 96)
MEASURES = {
    "recall": "part of tested cues whose item is right; chance 1/16",
    "false": "part of cues that were never studied, but are like studied ones, which are taken for old",
    "new": "the same for cues that are like none",
    "hits": "part of studied cues that are taken for old",
    "source": "part of recalled items whose source is wrong; chance 1/2",
}


class Lists(NamedTuple):
    """A batch of lists over time, `[T, B, ...]`, and at each test what would be right; -1: nothing is asked."""

    senses: dict[str, jax.Array]
    item: jax.Array
    source: jax.Array
    old: jax.Array  # 1: studied, 0: not; -1: not asked
    lure: jax.Array  # bool, an unstudied cue that is like studied ones


class Plan(NamedTuple):
    """What a list is like, `[B]` each: cues that are studied, fillers after them, and the cosine between its cues."""

    studied: jax.Array
    fillers: jax.Array
    likeness: jax.Array


def bench(seeds: int, output: str | None, say: Callable[[str], None]) -> dict[str, Any]:
    """Every kind, trained alike, and what it keeps; 95 % intervals over seeds. Kinds that `output` holds stay."""
    found: dict[str, Any] = {
        "memory": {},
        "measures": MEASURES,
        "lists": {"loads": [*LOADS], "likenesses": [*LIKENESSES], "delays": [*DELAYS], "per_seed": LISTS},
        "training": {"updates": UPDATES, "batch": BATCH, "rate": RATE, "seeds": seeds, "kinds": dict(KINDS)},
    }
    file = Path(output) if output else None
    if file and file.is_file():
        before = json.loads(file.read_text())
        kinds = before.get("training", {}).get("kinds", {})
        same = {**before.get("training", {}), "kinds": dict(KINDS)} == found["training"]
        if same and before.get("lists") == found["lists"]:
            found["memory"] = {n: row for n, row in before["memory"].items() if kinds.get(n) == KINDS.get(n)}
    for name in [n for n in KINDS if n not in found["memory"]]:
        found["memory"][name] = measure(KINDS[name], seeds, LONGER.get(name, 1) * UPDATES, partial(say_of, say, name))
        if file:
            write(file, json.dumps(found | {"measured": circumstances()}, indent=2) + "\n")
    return found | {"measured": circumstances()}


def say_of(say: Callable[[str], None], name: str, text: str) -> None:
    say(f"{name}: {text}")


def measure(options: Mapping[str, Any], seeds: int, updates: int, say: Callable[[str], None]) -> dict[str, Any]:
    """One kind: training, then recall by load and by likeness of the cues, and all measures by delay."""
    circuit = wired(options)
    weights, losses = train(circuit, seeds, updates)
    say("loss " + " ".join(f"{loss:.2f}" for loss in losses))
    test = tester(circuit, weights)
    loads = {n: test(n, 4, 0.0) for n in LOADS}
    alike = {s: test(8, 4, s) for s in LIKENESSES}
    late = {d: test(8, d, 0.8) for d in DELAYS}
    found = {
        "loss": [float(x) for x in losses],
        "recall by load": {str(n): _summary(m["recall"]) for n, m in loads.items()},
        "recall by likeness": {str(s): _summary(m["recall"]) for s, m in alike.items()},
        "by delay": {str(d): {name: _summary(values) for name, values in m.items()} for d, m in late.items()},
    }
    say(", ".join(f"{n} pairs {row['mean']:.2f}" for n, row in found["recall by load"].items()))
    return found


def wired(options: Mapping[str, Any]) -> Circuit:
    """A brain of that memory alone; something else moves the body."""
    senses = Ports(cue=Port((CUE,)), item=Port((ITEMS,)), source=Port((SOURCES,)), shown=Port((1,)), test=Port((1,)))
    if "write" in options:
        wires = ["body.cue -> it.key", "body.item -> it.value", "body.source -> it.value", "body.shown -> it.gate"]
    else:
        wires = [f"body.{name} -> it.input" for name in senses]
    mover = {"kind": "body_encoder", "width": 1}
    wires += ["body.shown -> mover.senses", "mover.code -> body.action"]
    return agent.build({"modules": {"it": options, "mover": mover}, "wires": wires}, senses, Port((1,), "action"))


def lists(key: jax.Array, plan: Plan, times: int) -> Lists:
    """Nothing, then cues with items, fillers, tests: `times` decisions in all. Cues and lures share a direction."""
    keys, batch = iter(jax.random.split(key, 6)), plan.studied.shape[0]
    shared = plan.likeness[None, :, None]
    own = _unit(jax.random.normal(next(keys), (times, batch, CUE)))
    theme = _unit(jax.random.normal(next(keys), (1, batch, CUE)))
    alike = _unit(jnp.sqrt(shared) * theme + jnp.sqrt(1.0 - shared) * own)
    items = jax.random.randint(next(keys), (times, batch), 0, ITEMS)
    sources = jax.random.randint(next(keys), (times, batch), 0, SOURCES)
    length, studied = (plan.studied + plan.fillers)[None], plan.studied[None]
    start = times - TESTS - length
    at = jnp.arange(times)[:, None] - start
    shown, testing = (at >= 0) & (at < length), at >= length
    number = (at - length) % 6  # of six tests four are of old cues, one is of a lure and one of a new cue
    old, lure, new = testing & (number < 4), testing & (number == 4), testing & (number == 5)
    of = start + jax.random.randint(next(keys), (times, batch), 0, studied)
    again = jnp.take_along_axis(alike, of[:, :, None], axis=0)
    cue = jnp.where(old[:, :, None], again, jnp.where((new | (shown & (at >= studied)))[:, :, None], own, alike))
    senses = {
        "cue": jnp.where((shown | testing)[:, :, None], cue, 0.0),
        "item": jax.nn.one_hot(jnp.where(shown, items, -1), ITEMS),
        "source": jax.nn.one_hot(jnp.where(shown, sources, -1), SOURCES),
        "shown": shown[:, :, None].astype(jnp.float32),
        "test": testing[:, :, None].astype(jnp.float32),
    }
    item, source = (jnp.where(old, jnp.take_along_axis(x, of, axis=0), -1) for x in (items, sources))
    return Lists(senses, item, source, jnp.where(testing, old.astype(jnp.int32), -1), lure)


def _unit(x: jax.Array) -> jax.Array:
    return x / jnp.linalg.norm(x, axis=-1, keepdims=True)


def answers(circuit: Circuit, weights: Any, senses: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Logits of item, source and old, `[T, B, ...]`: a perceptron on what the memory tells, and on the cue."""
    times, batch = senses["cue"].shape[:2]
    first = jnp.zeros((times, batch), bool).at[0].set(True)
    keys = jax.random.split(jax.random.key(0), (times, batch))
    told = ("it.recall", "it.match") if "it.recall" in circuit.port_names else ("it.state",)
    _, trace = unroll(circuit, weights["brain"], circuit.initial(batch), senses, first, keys, probes=told)
    replayed = bool(circuit.boxes["it"].replayed)  # then no gradient reaches the query
    heard = [jax.lax.stop_gradient(trace[port]) if replayed else trace[port] for port in told]
    x = jnp.concatenate([*heard, senses["cue"]], axis=2)
    hidden = jax.nn.relu(x @ weights["in"] + weights["bias"])
    return tuple(jnp.split(hidden @ weights["out"], [ITEMS, ITEMS + SOURCES], axis=2))  # type: ignore[return-value]


def fresh(circuit: Circuit, key: jax.Array) -> Any:
    brain, into, out = jax.random.split(key, 3)
    ports = circuit.outputs["it"]
    size = CUE + (ports["recall"].shape[0] + 1 if "recall" in ports else ports["state"].shape[0])
    return {
        "brain": circuit.init(brain),
        "in": jax.random.normal(into, (size, HIDDEN)) * (2.0 / size) ** 0.5,
        "bias": jnp.zeros(HIDDEN),
        "out": jax.random.normal(out, (HIDDEN, ITEMS + SOURCES + 1)) * HIDDEN**-0.5,
    }


def train(circuit: Circuit, seeds: int, updates: int) -> tuple[Any, np.ndarray]:
    """Weights of all seeds side by side, and their last losses."""
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(RATE, updates)))

    def loss(weights: Any, key: jax.Array) -> jax.Array:
        asked = lists(key, _drawn(jax.random.fold_in(key, 1)), STUDY + DELAY + TESTS)
        item, source, old = answers(circuit, weights, asked.senses)
        labelled = optax.softmax_cross_entropy_with_integer_labels
        mean = lambda x, where: jnp.where(where, x, 0.0).sum() / where.sum()  # noqa: E731
        return (
            mean(labelled(item, jnp.maximum(asked.item, 0)), asked.item >= 0)
            + mean(labelled(source, jnp.maximum(asked.source, 0)), asked.source >= 0)
            + mean(optax.sigmoid_binary_cross_entropy(old[..., 0], asked.old), asked.old >= 0)
        )

    def update(carry: Any, number: jax.Array) -> tuple[Any, jax.Array]:
        weights, state, seed = carry
        key = jax.random.fold_in(jax.random.key(2 * seed), number)
        value, gradient = jax.value_and_grad(loss)(weights, key)
        change, state = optimizer.update(gradient, state)
        return (optax.apply_updates(weights, change), state, seed), value

    def one(weights: Any, seed: jax.Array) -> tuple[Any, jax.Array]:
        (weights, *_), losses = jax.lax.scan(update, (weights, optimizer.init(weights), seed), jnp.arange(updates))
        return weights, losses[-50:].mean()

    start = [fresh(circuit, jax.random.key(seed)) for seed in range(seeds)]
    weights, losses = jax.jit(jax.vmap(one))(jax.tree.map(lambda *x: jnp.stack(x), *start), jnp.arange(seeds))
    return weights, np.asarray(losses)


def _drawn(key: jax.Array) -> Plan:
    """Lists of all lengths, delays and likenesses."""
    studied, fillers, likeness = jax.random.split(key, 3)
    return Plan(
        jax.random.randint(studied, (BATCH,), 2, STUDY + 1),
        jax.random.randint(fillers, (BATCH,), 0, DELAY + 1),
        jax.random.uniform(likeness, (BATCH,), maxval=0.9),
    )


def tester(circuit: Circuit, weights: Any) -> Callable[[int, int, float], dict[str, list[float]]]:
    """Gives every measure per seed, on lists that training did not see, all of the same kind."""
    times = max(LOADS) + max(DELAYS) + TESTS

    def one(plan: Plan, weights: Any, seed: jax.Array) -> dict[str, jax.Array]:
        asked = lists(jax.random.key(2 * seed + 1), plan, times)
        item, source, old = answers(circuit, weights, asked.senses)
        right = (item.argmax(2) == asked.item) & (asked.item >= 0)
        called = old[..., 0] > 0
        part = lambda x, where: (x & where).sum() / jnp.maximum(where.sum(), 1)  # noqa: E731
        return {
            "recall": part(right, asked.item >= 0),
            "false": part(called, asked.lure),
            "new": part(called, (asked.old == 0) & ~asked.lure),
            "hits": part(called, asked.old == 1),
            "source": part(source.argmax(2) != asked.source, right),
        }

    seeds = jnp.arange(jax.tree.leaves(weights)[0].shape[0])
    all_seeds = jax.jit(lambda plan: jax.vmap(partial(one, plan))(weights, seeds))

    def test(studied: int, fillers: int, likeness: float) -> dict[str, list[float]]:
        found = all_seeds(Plan(*(jnp.full(LISTS, x) for x in (studied, fillers, likeness))))
        return {name: found[name].tolist() for name in MEASURES}

    return test


def _summary(values: list[float]) -> dict[str, Any]:
    low, high = interval(np.array(values))
    return {"mean": float(np.mean(values)), "low": low, "high": high, "seeds": values}
