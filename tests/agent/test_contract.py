"""What every module must keep, tested over every registered kind; a new file is picked up by itself."""

from __future__ import annotations

import fnmatch
import json
from dataclasses import fields
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import agent
from agent.config import plain, structure
from agent.ports import MODEL
from tests.agent.parts import BATCH, TIMES, Bench, Life, assert_close, assert_equal, bench, cases, life

CASES = list(cases())
KINDS = [case for case in CASES if not case.startswith("none-")]


@pytest.fixture(params=[*KINDS, "none-gru"])  # `none` is the same code whatever it is like, but for its ports
def case(request: pytest.FixtureRequest) -> Bench:
    return bench(request.param)


def test_every_kind_is_here() -> None:
    assert set(KINDS) | {"none"} == set(agent.kinds())


@pytest.mark.parametrize("name", KINDS)
def test_config_round_trips(name: str) -> None:
    config = bench(name).circuit.modules["it"]
    problems: list[str] = []
    values = json.loads(json.dumps(plain(config)))
    again = structure(type(config), values, "it", problems)
    assert problems == []
    assert again == config
    assert hash(again) == hash(config)


def test_every_option_says_what_it_is() -> None:
    for kind, config in agent.kinds().items():
        assert config.__doc__, kind
        silent = [f.name for f in fields(config) if not f.metadata.get("help")]
        assert not silent, f"{kind}: no help for {silent}"


@pytest.mark.parametrize("name", CASES)
def test_outputs_are_what_the_ports_declare(name: str) -> None:
    case = bench(name)
    _, trace = case.unroll(case.params, case.circuit.initial(BATCH), *life(case.circuit))
    declared_ports = case.circuit.outputs["it"]
    sent = _sent(case)
    declared_ports = {port: made for port, made in declared_ports.items() if made.dtype != MODEL}
    assert set(sent) == set(declared_ports)
    for port, declared in declared_ports.items():
        assert (sent[port].shape, sent[port].dtype) == ((BATCH, *declared.shape), declared.dtype)
        if f"it.{port}" in case.probes:
            found = trace[f"it.{port}"]
            assert (found.shape, found.dtype) == ((TIMES, BATCH, *declared.shape), declared.dtype)
            assert np.isfinite(found).all()


def _sent(case: Bench) -> dict[str, Any]:
    """Shapes of all that the module itself gives."""
    circuit = case.circuit

    def moment() -> dict[str, Any]:
        observation, first, key = jax.tree.map(lambda x: x[0], life(circuit))
        inputs = circuit.gather("it", circuit.sensed(observation, {}) | circuit.models(case.params), {})
        return circuit.advance("it", case.params, circuit.initial(BATCH)["modules"]["it"], inputs, first, key)[1]

    return jax.eval_shape(moment)


def test_state_keeps_structure_dtype_and_shape(case: Bench) -> None:
    before = case.circuit.initial(BATCH)
    moment = jax.tree.map(lambda x: x[0], life(case.circuit))
    after, *_ = case.step(case.params, before, *moment)
    assert jax.tree.structure(after) == jax.tree.structure(before)
    for a, b in zip(jax.tree.leaves(after), jax.tree.leaves(before), strict=True):
        assert (a.shape, a.dtype, a.weak_type) == (b.shape, b.dtype, b.weak_type)
        assert a.shape[0] == BATCH


def test_compiles_once(case: Bench) -> None:
    case.loop(life(case.circuit, times=3), case.circuit.initial(BATCH))
    case.loop(life(case.circuit, times=2, seed=1), case.circuit.initial(BATCH))
    assert case.traced == 1


def test_loop_scan_and_unroll_agree(case: Bench) -> None:
    """To 1e-6 and not to the bit: XLA joins operations differently, and `unroll` multiplies T B rows at once."""
    lived, start = life(case.circuit), case.circuit.initial(BATCH)
    looped = case.loop(lived, start)
    assert_close(case.scan(case.params, start, lived), looped)
    assert_close(case.unroll(case.params, start, *lived), looped)


def test_a_batch_is_its_singles(case: Bench) -> None:
    lived = life(case.circuit)
    _, together = case.unroll(case.params, case.circuit.initial(BATCH), *lived)
    for b in range(BATCH):
        _, alone = case.unroll(
            case.params, case.circuit.initial(1), *jax.tree.map(lambda x, b=b: x[:, b : b + 1], lived)
        )
        assert_close(alone, jax.tree.map(lambda x, b=b: x[:, b : b + 1], together))


def test_a_new_episode_is_like_a_new_brain(case: Bench) -> None:
    """Where an episode begins, outputs are those of a fresh brain; elsewhere, those of an undisturbed one."""
    past = life(case.circuit, seed=1)
    used, _ = case.unroll(case.params, case.circuit.initial(BATCH), *past)
    lived = life(case.circuit)
    begins = jnp.zeros_like(lived.first)
    _, fresh = case.unroll(case.params, case.circuit.initial(BATCH), lived.observation, begins, lived.key)
    _, going = case.unroll(case.params, used, lived.observation, begins, lived.key)
    _, found = case.unroll(case.params, used, lived.observation, begins.at[0, 1].set(True), lived.key)
    assert_equal(jax.tree.map(lambda x: x[:, 1], found), jax.tree.map(lambda x: x[:, 1], fresh))
    assert_equal(jax.tree.map(lambda x: x[:, 0], found), jax.tree.map(lambda x: x[:, 0], going))


def test_the_first_decision_of_a_life_needs_no_flag(case: Bench) -> None:
    lived, start = life(case.circuit), case.circuit.initial(BATCH)
    flagged = lived.first.at[0].set(True)
    _, told = case.unroll(case.params, start, lived.observation, flagged, lived.key)
    _, untold = case.unroll(case.params, start, lived.observation, flagged.at[0].set(False), lived.key)
    assert_equal(told, untold)


def test_same_key_same_result(case: Bench) -> None:
    lived, start = life(case.circuit), case.circuit.initial(BATCH)
    again = Bench(case.circuit)
    assert_equal(again.params, case.params)
    assert_equal(case.unroll(again.params, start, *lived), case.unroll(case.params, start, *lived))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_finite_and_reach_every_weight(kind: str) -> None:
    case = bench(kind)
    gradients = _gradients(case, life(case.circuit, times=24))
    box = case.circuit.boxes["it"]
    idle = ("*",) if {*case.circuit.outputs["it"]} <= {*box.replayed} else box.idle  # nothing is learned through those
    for path, gradient in gradients.items():
        assert np.isfinite(gradient).all(), path
        size = np.abs(gradient).max()
        if any(fnmatch.fnmatch(path, pattern) for pattern in idle):
            assert size == 0.0, f"{path} is declared idle, but its gradient reaches {size}"
        else:
            assert size > 1e-7, f"no gradient reaches {path}. If none should, name it in the module's `idle`."


def test_what_is_replayed_is_an_output(case: Bench) -> None:
    assert {*case.circuit.boxes["it"].replayed} <= {*case.circuit.outputs["it"]}


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_finite_when_nothing_is_sensed(kind: str) -> None:
    case = bench(kind)
    lived = life(case.circuit, times=12)
    silence = lived._replace(observation=jax.tree.map(jnp.zeros_like, lived.observation))
    assert all(np.isfinite(g).all() for g in _gradients(case, silence).values())


def _gradients(case: Bench, lived: Life) -> dict[str, Any]:
    """Of a random mixture of all outputs that learning does not take as data, by the path of the weight."""
    flat, _ = jax.tree_util.tree_flatten_with_path(case.gradient(case.params["it"], lived))
    return {".".join(str(getattr(step, "key", step)) for step in path): g for path, g in flat}
