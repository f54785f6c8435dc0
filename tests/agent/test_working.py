"""Working memories: a state-space model beside its definition, and a window that ends where it should."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from agent.memory.s5 import S5, S5Config, hippo
from agent.memory.window import Transformer, TransformerConfig
from agent.ports import Port, Ports

SIZE, TIMES = 6, 9
INPUT = Ports(input=Port((SIZE,)))


def inputs(seed: int = 0) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=(TIMES, 1, SIZE)), jnp.float32)


def test_hippo_is_diagonalised() -> None:
    size = 8
    root = np.sqrt(np.arange(size) + 0.5)
    matrix = np.where(np.subtract.outer(np.arange(size), np.arange(size)) > 0, -1.0, 1.0) * np.outer(root, root)
    np.fill_diagonal(matrix, -0.5)
    values, vectors = hippo(size)
    np.testing.assert_allclose(matrix @ vectors, vectors * values, atol=1e-10)
    all_of_them = np.linalg.eigvals(matrix)
    np.testing.assert_allclose(values.imag, np.sort(all_of_them.imag)[size // 2 :], atol=1e-6)
    np.testing.assert_allclose(all_of_them.real, -0.5, atol=1e-6)


def test_a_state_space_model_is_its_convolution() -> None:
    """x[t] = Σ Λ̄^(t-s) B̄ u[s], summed up in NumPy, through one layer; a new episode starts the sum anew."""
    box = S5(S5Config(size=SIZE, modes=3, layers=1), INPUT, nnx.Rngs(0))
    first = jnp.zeros((TIMES, 1), bool).at[4].set(True)
    state, _ = box.over_time(box.initial(1), {"input": inputs()}, first, jax.random.key(0))
    decay, drive = (np.asarray(x, np.complex128) for x in box.layers[0].drive(box.enter(inputs())))
    expected = sum(decay ** (TIMES - 1 - s) * drive[s, 0] for s in range(4, TIMES))
    np.testing.assert_allclose(np.asarray(state)[0, 0], [expected.real, expected.imag], rtol=1e-4, atol=1e-6)


def test_it_cannot_blow_up() -> None:
    box = S5(S5Config(size=SIZE, modes=3, layers=1), INPUT, nnx.Rngs(0))
    layer = box.layers[0]
    layer.rate[...] = layer.rate[...] + 3.0
    assert (np.abs(layer.drive(inputs()[0])[0]) < 1.0).all()


@pytest.mark.parametrize("layers", [1, 2])
def test_a_window_sees_so_far_and_no_farther(layers: int) -> None:
    """What lies `window` or more back changes nothing; with every layer the sight reaches as far again."""
    box = Transformer(TransformerConfig(size=8, window=3, heads=2, layers=layers), INPUT, nnx.Rngs(0))
    first = jnp.zeros((TIMES, 1), bool)

    def last(x: jax.Array) -> jax.Array:
        return box.over_time(box.initial(1), {"input": x}, first, jax.random.key(0))[1]["state"][-1].sum()

    reach = np.abs(jax.grad(last)(inputs())).max(axis=(1, 2)) > 0
    assert reach.tolist() == [t >= TIMES - 1 - 2 * layers for t in range(TIMES)]


def test_a_fresh_gate_passes_on_what_came_in() -> None:
    box = Transformer(TransformerConfig(size=8, window=3, heads=2, bias=40.0), INPUT, nnx.Rngs(0))
    _, told = box.over_time(box.initial(1), {"input": inputs()}, jnp.zeros((TIMES, 1), bool), jax.random.key(0))
    np.testing.assert_allclose(told["state"], box.enter(inputs()), rtol=1e-6)
