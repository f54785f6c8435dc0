"""The closed loop as a program for machines that are not here: lowered for TPUs, NVIDIA GPUs and CPUs."""

from __future__ import annotations

from typing import Any

import jax
import pytest
from jax import export

import agent
import envs
from experiments.config import composed, experiment
from experiments.learning.rollout import Moment, begin, rollout
from experiments.run import make_env, ports

PLATFORMS = ("tpu", "cuda", "cpu")
BATCH, DECISIONS = 4, 2


def closed_loop(engine: str) -> Any:
    """`key -> moments`: weights, first episodes and decisions of the default brain, as one program."""
    setup = experiment(composed([f"env.engine={engine}"]))
    env = make_env(setup, BATCH)
    circuit = agent.build(setup.agent, *ports(env))

    def loop(data: jax.Array) -> Moment:
        key = jax.random.wrap_key_data(data)
        return rollout(circuit, env, circuit.init(key), begin(circuit, env, key), DECISIONS)[1]

    return jax.jit(loop)


def test_the_closed_loop_lowers_for_every_platform() -> None:
    """Brain, senses and resets on engine `mjx`: one portable program that needs nothing of this machine."""
    program = export.export(closed_loop("mjx"), platforms=PLATFORMS)(jax.ShapeDtypeStruct((2,), "uint32"))
    assert program.platforms == PLATFORMS
    assert (DECISIONS, BATCH, 3) in [leaf.shape for leaf in program.out_avals]
    assert "callback" not in program.mlir_module()


def test_engine_c_for_a_tpu_is_refused_in_our_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """JAX would say, after tracing, that a platform differs from another one."""
    monkeypatch.setattr(jax, "default_backend", lambda: "tpu")
    with pytest.raises(
        envs.EnvError, match=r"engine 'c' cannot run here: .* TPUs cannot do\. Use engine 'mjx' instead"
    ):
        closed_loop("c")
