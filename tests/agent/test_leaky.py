"""All ticks of leaky neurons at once: the same spikes and gradients as tick by tick, and as sums over single spikes."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from agent.ports import Port, Ports
from agent.spiking import events
from agent.spiking.lif import Alif, AlifConfig, Lif, LifConfig

BATCH, INPUTS, SIZE = 3, 6, 5


def lived(config: LifConfig) -> Any:
    """What a decision gives, and the gradient of a random sum of it by weights, state and inputs."""
    random = np.random.default_rng(0)
    ports = Ports(spikes=Port((config.ticks, INPUTS), "spikes"), current=Port((4,)))
    rngs = nnx.Rngs(0)
    module = Alif(config, ports, rngs) if isinstance(config, AlifConfig) else Lif(config, ports, rngs)
    graph, weights = nnx.split(module)

    def draw(x: Any) -> jax.Array:
        return jnp.asarray(random.normal(size=x.shape).astype(np.float32))

    train = jnp.asarray((random.random((BATCH, config.ticks, INPUTS)) < 0.4).astype(np.float32))
    inputs = {"spikes": train, "current": draw(jnp.zeros((BATCH, 4)))}
    state, key = jax.tree.map(draw, module.initial(BATCH)), jax.random.split(jax.random.key(1), BATCH)

    def decide(weights: Any, state: Any, inputs: Any) -> Any:
        return nnx.merge(graph, weights)(state, inputs, key)

    wanted = jax.tree.map(draw, jax.eval_shape(decide, weights, state, inputs))

    def both(*given: Any) -> Any:
        out, back = jax.vjp(decide, *given)
        return out, back(wanted)

    return jax.jit(both)(weights, state, inputs)


@pytest.mark.parametrize(
    "config",
    [
        LifConfig(size=SIZE, ticks=4),
        LifConfig(size=SIZE, ticks=20, recurrent=True, surrogate="triangle", slope=1.0),
        LifConfig(size=SIZE, ticks=4, recurrent=True, inhibitory=0.4, noise=0.3, homeostasis=0.1),
        AlifConfig(size=SIZE, ticks=6, recurrent=True, surrogate="arctangent"),
        AlifConfig(size=SIZE, ticks=6, subtract=True, slope=1.0),
    ],
    ids=["plain", "recurrent", "Dale and noise", "adaptive", "subtracting"],
)
def test_the_gradient_by_hand_is_that_of_the_loop(config: LifConfig) -> None:
    config = dataclasses.replace(config, rate=30.0)
    at_once, in_turn = lived(config), lived(dataclasses.replace(config, hoist=False))
    assert float(at_once[0][1]["spikes"].sum()) > 0
    for a, b in zip(jax.tree.leaves(at_once), jax.tree.leaves(in_turn), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "size", "density"),
    [((33, 40, 257), 3, 0.03), ((2, 130, 1100), 4, 0.02), ((8, 32, 256), 3, 0.0), ((8, 32, 256), 3, 0.5)],
    ids=["odd sizes", "two stretches of inputs", "silence", "many spikes"],
)
def test_sums_over_spikes_are_the_product(shape: tuple[int, int, int], size: int, density: float) -> None:
    random = np.random.default_rng(0)
    train = (random.random(shape) < density).astype(np.float32)
    same(train, random.normal(size=(shape[2], size)).astype(np.float32))


@pytest.mark.parametrize("value", [2.0, 0.5, -1.0])
def test_a_graded_value_counts_as_what_it_is(value: float) -> None:
    train = np.zeros((8, 32, 256), np.float32)
    train[3, 5, 7], train[4, 6, 8] = value, 1.0
    same(train, np.random.default_rng(0).normal(size=(256, 3)).astype(np.float32))


def same(train: np.ndarray, weights: np.ndarray) -> None:
    """Forward and both gradients, against NumPy."""
    wanted = np.random.default_rng(1).normal(size=(train.shape[1], train.shape[0], weights.shape[1]))
    out, back = jax.vjp(jax.jit(events.weighted), jnp.asarray(train), jnp.asarray(weights))
    dtrain, dweights = back(jnp.asarray(wanted, jnp.float32))
    np.testing.assert_allclose(out, np.einsum("bti,in->tbn", train, weights), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dtrain, np.einsum("tbn,in->bti", wanted, weights), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dweights, np.einsum("bti,tbn->in", train, wanted), rtol=1e-4, atol=1e-4)


def test_few_spikes_take_no_product() -> None:
    """Where all are spikes and few, what runs is the sum: it leaves out the weight of an input that never spikes."""
    train = np.zeros((8, 32, 256), np.float32)
    train[:, :, 1] = np.arange(32) % 16 == 0
    weights = np.ones((256, 3), np.float32)
    weights[0] = np.nan
    assert np.isfinite(events.weighted(jnp.asarray(train), jnp.asarray(weights))).all()
