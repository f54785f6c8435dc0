"""Outputs that learning takes as data: the same loss as running the module again, without the module in the program."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from agent.memory.episodic import EpisodicMemory
from agent.unroll import serving
from experiments.learning.ppo import Batch, Learner, Ppo
from experiments.learning.rollout import rollout
from tests.agent.parts import assert_close
from tests.experiments.test_learning import Recall, brain, ppo_of

STORE: Any = {"kind": "episodic_memory", "slots": 13, "features": 5, "every": 1, "threshold": -1.0}
"""Sizes that nothing else in the brain has, so that they are found in the program."""


def remembering() -> dict[str, Any]:
    """A brain that looks up what it met, beside a module (`key`) that serves only that."""
    mapping = brain()
    mapping["modules"] |= {"key": {"kind": "body_encoder", "width": 11}, "store": STORE}
    mapping["wires"] += ["body.cue -> key.senses", "key.code -> store.key", "soma.code -> store.value"]
    mapping["wires"] += ["store.recall -> motor.drive", "store.recall -> prefrontal.input @ delay=1"]
    return mapping


@cache
def trained(replayed: tuple[str, ...]) -> tuple[Ppo, Learner, Batch]:
    """What a rollout gives to learn from, its recalls recorded or not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EpisodicMemory, "replayed", replayed)
        ppo = ppo_of(Recall(4), remembering())
        assert ppo.circuit.replayed == tuple(f"store.{port}" for port in replayed)
    c = ppo.config

    @jax.jit
    def live(key: jax.Array) -> tuple[Learner, Batch]:
        learner = ppo.init(key)
        probes = (c.policy, c.value, *ppo.circuit.replayed)
        life, _ = rollout(ppo.circuit, ppo.env, learner.params, learner.life, 5)  # the stores hold something
        _, moments = rollout(ppo.circuit, ppo.env, learner.params, life, c.steps, probes=probes)
        advantage = jax.random.normal(jax.random.key(7), moments.reward.shape)
        return learner, Batch(life.brain, moments, advantage, moments.reward)

    return ppo, *live(jax.random.key(0))


@cache
def loss_of(replayed: tuple[str, ...]) -> Any:
    ppo, *_ = trained(replayed)
    return jax.jit(jax.value_and_grad(ppo._loss, has_aux=True))


def test_the_loss_is_that_of_the_module_run_again() -> None:
    """To float32's 1e-5: with the weights that acted, the recorded recalls are those that would come again."""
    (_, learner, batch), (_, _, recorded) = trained(()), trained(("recall",))
    assert float(jnp.abs(recorded.lived.trace["store.recall"]).max()) > 0.1
    expected, _ = loss_of(())(learner.params, batch)
    found, _ = loss_of(("recall",))(learner.params, recorded)
    assert_close(found, expected, rtol=1e-5)


def test_what_is_given_reaches_the_loss_and_no_gradient_what_is_not_run() -> None:
    _, learner, batch = trained(("recall",))
    trace = batch.lived.trace | {"store.recall": 1.0 + batch.lived.trace["store.recall"]}
    other = batch._replace(lived=batch.lived._replace(trace=trace))
    (loss, _), gradient = loss_of(("recall",))(learner.params, batch)
    assert abs(float(loss_of(("recall",))(learner.params, other)[0][0]) - float(loss)) > 1e-3
    sizes = {name: max(float(jnp.abs(x).max()) for x in jax.tree.leaves(g)) for name, g in gradient.items()}
    assert {name for name, size in sizes.items() if size == 0.0} == {"key", "store"}


def test_the_module_is_absent_from_the_program() -> None:
    """No operation of the loss runs in its scope, nor in that of the module which serves only it."""
    for replayed, present in (((), True), (("recall",), False)):
        ppo, learner, batch = trained(replayed)
        jaxpr = jax.make_jaxpr(jax.grad(ppo._loss, has_aux=True))(learner.params, batch)
        scopes = scopes_of(jaxpr.jaxpr)
        assert "prefrontal" in scopes
        assert ("store" in scopes, "key" in scopes) == (present, present)


def scopes_of(jaxpr: Any) -> set[str]:
    """Names of the scopes in which any operation stands, those inside loops among them."""
    found = set()
    for equation in jaxpr.eqns:
        found |= set(re.findall(r"\w+", str(equation.source_info.name_stack)))
        for inner in jax.tree.leaves(equation.params, is_leaf=lambda x: hasattr(x, "jaxpr") or hasattr(x, "eqns")):
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                found |= scopes_of(inner)
    return found


def test_only_what_serves_the_loss_runs() -> None:
    ppo, *_ = trained(("recall",))
    circuit, probes = ppo.circuit, ("motor.policy", "value.value")
    everything = {"soma", "v1", "key", "store", "prefrontal", "motor", "value"}
    assert {*serving(circuit, probes)} == everything
    assert {*serving(circuit, probes, {"store.recall"})} == everything - {"key", "store"}
    assert {*serving(circuit, ("store.match",), {"store.recall"})} == {"soma", "key", "store"}  # another of its ports


def test_an_update_learns_around_it() -> None:
    ppo, learner, _ = trained(("recall",))
    after, metrics = jax.jit(ppo.update)(learner)
    assert np.isfinite(float(metrics["loss"]))
    kept = {n for n, w in after.params.items() if jax.tree.all(jax.tree.map(np.array_equal, w, learner.params[n]))}
    assert kept == {"key", "store"}
