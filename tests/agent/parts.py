"""Small circuits for tests: any kind, with senses made to fit what its inputs declare."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import agent
from agent import Circuit, Input, Port, Ports
from agent.ports import MODEL
from agent.unroll import unroll

SHAPES = {0: (), 1: (6,), 2: (6, 8), 3: (2, 32, 4)}
"""What a sense sends to an input of that rank: a scalar, a vector, tokens, an image."""

BATCH, TIMES = 3, 7
HERE = Path(__file__).parent
WANTED = {
    "associator": {"touched": 1.7, "rate": 1.0},  # of what is at random, half is a touch then
    "frozen_memory": {"model": str(HERE / "language" / "gpt2"), "window": 4},
    "frozen_text": {"model": str(HERE / "language" / "bert"), "noise": 0.5},
    "frozen_vision": {"model": str(HERE / "language" / "vit")},
    "nir": {"path": str(HERE / "nir" / "example.nir")},
    "mcts": {"levels": 2, "simulations": 6, "horizon": 3},  # the senses here have six numbers: 64 moves
    "visual_prefix": {"model": str(HERE / "language" / "gpt2"), "candidates": ["red", "green", "blue"]},
}
"""Options that a kind cannot do without."""
TWICE = ("habit",)
"""Inputs that are policies: a mean and a deviation for each action of another input."""
SAID = ("go", "eat red", "eat stones, not blue", "take the stone right")
"""What an index may mean."""
MOVER = {"kind": "body_encoder", "width": 2}


def senses(inputs: Mapping[str, Input]) -> dict[str, Port]:
    """Senses that fit the inputs; two, and of different sizes where allowed, for inputs that merge."""
    made = {}
    for name, declared in inputs.items():
        if declared.dtype == MODEL:
            continue
        shape = SHAPES[1 if declared.rank is None else declared.rank]
        shape = (2 * shape[0],) if name in TWICE else shape
        said = SAID if declared.dtype == "int32" else ()
        made[name] = Port(shape, "index" if said else "rate", dtype=declared.dtype, labels=said)
        if declared.merge != "one":
            longer = (shape[0] + 3, *shape[1:]) if shape and declared.merge == "concat" else shape
            made[f"{name}_too"] = Port(longer, dtype=declared.dtype)
    return made


def around(options: Mapping[str, Any]) -> Circuit:
    """A circuit around one module, called `it`; something else moves the body."""
    inputs = _config(options).inputs
    wires = [f"body.{sense} -> it.{sense.removesuffix('_too')}" for sense in senses(inputs)]
    body, modules = {**senses(inputs), "push": Port((2,))}, {"it": options, "mover": MOVER}
    wires += ["body.push -> mover.senses", "mover.code -> body.action"]
    for port in (name for name, declared in inputs.items() if declared.dtype == MODEL):
        body["worth"] = Port(())
        modules["world"] = {"kind": "latent_model", "width": SHAPES[1][0], "hidden": 8}
        wires += [f"world.model -> it.{port}", "body.state -> world.state", "body.action -> world.action"]
        wires += ["body.push -> world.reward", "body.state -> world.observation", "body.worth -> world.value"]
    return agent.build({"modules": modules, "wires": wires}, Ports(body), Port((2,), "action"))


def _config(options: Mapping[str, Any]) -> Any:
    from agent.build import module_config

    problems: list[str] = []
    config = module_config(options, "it", problems)
    assert config is not None, problems
    return config


class Life(NamedTuple):
    """A stretch of experience; arrays are `[T, B, ...]`."""

    observation: dict[str, jax.Array]
    first: jax.Array
    key: jax.Array


def life(circuit: Circuit, times: int = TIMES, batch: int = BATCH, seed: int = 0) -> Life:
    """Random senses, a few new episodes, and keys."""
    random = np.random.default_rng(seed)

    def draw(port: Port) -> jax.Array:
        shape = (times, batch, *port.shape)
        if port.dtype == "int32":
            return jnp.asarray(random.integers(0, 4, shape), jnp.int32)
        return jnp.asarray(random.normal(size=shape), port.dtype)

    first = jnp.asarray(random.random((times, batch)) < 0.15).at[0].set(True)
    keys = jax.random.split(jax.random.key(seed), (times, batch))
    return Life({name: draw(port) for name, port in circuit.outputs["body"].items()}, first, keys)


class Bench:
    """A circuit with its weights and its compiled programs, shared between tests."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.params = circuit.init(jax.random.key(0))
        alone = [p for p in circuit.port_names if circuit.port(p).meaning != "contrast"]  # what a batch does not change
        self.probes = tuple(p for p in alone if p.startswith("it."))
        self.traced = 0
        self.step = jax.jit(self._step)
        self.unroll = jax.jit(lambda *stretch: unroll(circuit, *stretch, probes=self.probes))
        self.scan = jax.jit(self._scan)
        self.gradient = jax.jit(jax.grad(self._mixture))

    def loop(self, lived: Life, state: Any) -> tuple[Any, dict[str, jax.Array]]:
        """`step` in a Python loop: final state and trace."""
        traces = []
        for t in range(lived.first.shape[0]):
            moment = jax.tree.map(lambda x, t=t: x[t], lived)
            state, _, trace = self.step(self.params, state, *moment)
            traces.append(trace)
        return state, jax.tree.map(lambda *x: jnp.stack(x), *traces)

    def _step(self, *moment: Any) -> Any:
        self.traced += 1
        return self.circuit.step(*moment, probes=self.probes)

    def _scan(self, params: Any, state: Any, lived: Life) -> tuple[Any, dict[str, jax.Array]]:
        def tick(state: Any, moment: Life) -> tuple[Any, dict[str, jax.Array]]:
            state, _, trace = self.circuit.step(params, state, *moment, probes=self.probes)
            return state, trace

        return jax.lax.scan(tick, state, lived)

    def _mixture(self, weights: Any, lived: Life) -> jax.Array:
        """A number that depends on every output in another way, but for those that learning takes as data."""
        start, replayed = self.circuit.initial(lived.first.shape[1]), self.circuit.boxes["it"].replayed
        probes = tuple(p for p in self.probes if p.removeprefix("it.") not in replayed)
        _, trace = unroll(self.circuit, self.params | {"it": weights}, start, *lived, probes=probes)
        numbers = [x for x in trace.values() if jnp.issubdtype(x.dtype, jnp.floating)]
        keys = jax.random.split(jax.random.key(2), len(numbers))
        return sum(
            (jnp.vdot(x, jax.random.normal(k, x.shape)) for x, k in zip(numbers, keys, strict=True)), jnp.zeros(())
        )


def cases() -> dict[str, dict[str, Any]]:
    """Every registered kind with its default options; `none` in the place of every other kind."""
    plain = {kind: {"kind": kind, **WANTED.get(kind, {})} for kind in agent.kinds() if kind != "none"}
    silent = {f"none-{kind}": {"kind": "none", "like": options} for kind, options in plain.items()}
    return plain | silent


@cache
def bench(case: str) -> Bench:
    return Bench(around(cases()[case]))


def assert_close(found: Any, expected: Any, rtol: float = 1e-6, atol: float = 1e-6) -> None:
    """Equal trees of arrays: integers exactly, numbers to a tolerance, of 1 or of an array's largest number."""

    def check(a: Any, b: Any) -> None:
        numbers = np.asarray(b)[np.isfinite(b)] if jnp.issubdtype(b.dtype, jnp.floating) else np.ones(1)
        largest = np.abs(numbers).max(initial=1.0)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol * float(largest))

    jax.tree.map(check, found, expected)


def assert_equal(found: Any, expected: Any) -> None:
    """Equal trees of arrays, bit for bit."""
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b), found, expected)


def keys(count: int) -> jax.Array:
    """One for each of a batch."""
    return jax.random.split(jax.random.key(0), count)


def pose(x: float, y: float, degrees: float) -> jax.Array:
    """`[1, 4]`, as path integration tells it."""
    angle = np.deg2rad(degrees)
    return jnp.array([[x, y, np.cos(angle), np.sin(angle)]], jnp.float32)
