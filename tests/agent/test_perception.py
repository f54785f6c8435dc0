"""Encoders and attention against plain NumPy, and against JAX's own convolution."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf, softmax

from agent import Circuit
from agent.perception.retina import RetinaConvConfig, unfold, windows
from tests.agent.parts import around, life


@pytest.mark.parametrize(("rays", "kernel", "stride"), [(32, 4, 2), (31, 3, 1), (17, 5, 3), (8, 8, 1)])
def test_unfolding_is_a_convolution(rays: int, kernel: int, stride: int) -> None:
    config = RetinaConvConfig(kernel=kernel, stride=stride)
    random = np.random.default_rng(0)
    x = jnp.asarray(random.normal(size=(3, rays, 5)), jnp.float32)
    weights = jnp.asarray(random.normal(size=(kernel, 5, 7)), jnp.float32)
    expected = jax.lax.conv_general_dilated(
        x, weights, (stride,), "VALID", dimension_numbers=("NWC", "WIO", "NWC"), precision="highest"
    )
    found = unfold(x, config) @ weights.reshape(-1, 7)[None]
    assert found.shape[1] == windows(rays, config)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("contrast", [False, True])
def test_retina_conv(contrast: bool) -> None:
    circuit = around({"kind": "retina_conv", "width": 6, "contrast": contrast})
    with jax.enable_x64(True):  # numbers of 25 are not as near as that in float32
        outputs, senses, p = once(circuit, np.float64)
    assert outputs["code"].dtype == np.float64
    image = senses["image"]
    if contrast:
        image = (image - image.mean((1, 2), keepdims=True)) / np.sqrt(image.var((1, 2), keepdims=True) + 0.01)
    x = np.swapaxes(image, 1, 2).reshape(3, 32, 8)
    for name in ("first", "second"):
        patches = [x[:, i : i + 4].reshape(3, 4 * x.shape[2]) for i in range(0, x.shape[1] - 3, 2)]
        x = relu(linear(np.stack(patches, axis=1), p[name]))
    np.testing.assert_allclose(outputs["code"], relu(linear(x.reshape(3, -1), p["readout"])), atol=1e-5)


def test_retina_transformer() -> None:
    circuit = around({"kind": "retina_transformer", "width": 6, "patch": 8, "features": 6, "heads": 3, "layers": 2})
    outputs, senses, p = once(circuit)
    x = np.swapaxes(senses["image"], 1, 2).reshape(3, 4, 64)  # 4 tokens of 8 rays, 2 rows and 4 channels
    x = linear(x, p["embed"]) + p["place"]
    for index in (0, 1):
        layer = p["layers"][index]
        x = x + self_attention(norm(x, layer["norm_attention"]), layer["attention"])
        x = x + linear(gelu(linear(norm(x, layer["norm_mlp"]), layer["up"])), layer["down"])
    x = norm(x, p["norm"])
    np.testing.assert_allclose(outputs["tokens"], x, atol=2e-5)
    np.testing.assert_allclose(outputs["code"], relu(linear(x.reshape(3, -1), p["readout"])), atol=2e-5)


def test_fusion_attention() -> None:
    circuit = around({"kind": "fusion_attention", "width": 5, "features": 4, "heads": 2, "queries": 3})
    outputs, senses, p = once(circuit)
    parts = (senses["parts"], senses["parts_too"])
    tokens = np.stack([relu(linear(part, p["tokens"][i])) for i, part in enumerate(parts)], axis=1)
    tokens = norm(tokens, p["norm"])
    keys, values = (linear(tokens, p[name]).reshape(3, 2, 2, 2) for name in ("keys", "values"))
    attention = softmax(np.einsum("qhd,bphd->bhqp", p["queries"], keys) / np.sqrt(2.0), axis=-1)
    read = np.einsum("bhqp,bphd->bqhd", attention, values)
    np.testing.assert_allclose(outputs["attention"], attention, atol=1e-5)
    np.testing.assert_allclose(outputs["code"], relu(linear(read.reshape(3, -1), p["readout"])), atol=1e-5)


def test_fusion_concat_and_body_encoder_are_dense_layers() -> None:
    outputs, senses, p = once(around({"kind": "fusion_concat", "width": 5, "norm": True}))
    x = linear(np.concatenate([senses["parts"], senses["parts_too"]], axis=1), p["layer"])
    deviation = np.sqrt(x.var(1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(outputs["code"], relu((x - x.mean(1, keepdims=True)) / deviation), atol=1e-5)
    outputs, senses, p = once(around({"kind": "fusion_concat", "width": 5}))
    joined = np.concatenate([senses["parts"], senses["parts_too"]], axis=1)
    np.testing.assert_allclose(outputs["code"], relu(linear(joined, p["layer"])), atol=1e-5)
    outputs, senses, p = once(around({"kind": "body_encoder", "width": 5}))
    joined = np.concatenate([senses["senses"], senses["senses_too"]], axis=1)
    np.testing.assert_allclose(outputs["code"], np.tanh(linear(joined, p["layer"])), atol=1e-5)


def test_gru() -> None:
    """z, r, n gates of Cho et al. 2014 in the variant of PyTorch and Flax: n = tanh(W x + r (U h + b)).

    What `reset` lets go is gone before anything is taken in.
    """
    circuit = around({"kind": "gru", "size": 4})
    params = circuit.init(jax.random.key(0))
    params["it"] = jax.tree.map(lambda w: w + 0.1, params["it"])
    p, state, h = jax.tree.map(np.asarray, params["it"]["cell"]), circuit.initial(3), np.zeros((3, 4))
    lived, step = life(circuit), jax.jit(partial(circuit.step, probes=["it.state"]))
    for t in range(3):
        moment = jax.tree.map(lambda x, t=t: x[t], lived)._replace(first=jnp.zeros(3, bool))
        state, _, trace = step(params, state, *moment)
        x = np.concatenate([moment.observation["input"], moment.observation["input_too"]], axis=1)
        gone = moment.observation["reset"] + moment.observation["reset_too"]
        h = gru(x, (1 - np.clip(gone, 0, 1)[:, None]) * h, p)
        np.testing.assert_allclose(trace["it.state"], h, atol=1e-5)


def test_a_gru_that_keeps_at_first() -> None:
    """The bias of z, which keeps what is held; all other weights are those of the plain one."""
    plain, keeping = (around({"kind": "gru", "size": 4, "keep": keep}).init(jax.random.key(0)) for keep in (0.0, 9.0))
    bias = keeping["it"]["cell"]["dense_i"].pop("bias")
    np.testing.assert_array_equal(bias, [0] * 4 + [9] * 4 + [0] * 4)
    assert not plain["it"]["cell"]["dense_i"].pop("bias").any()
    jax.tree.map(np.testing.assert_array_equal, plain["it"], keeping["it"])


def gru(x: np.ndarray, h: np.ndarray, p: Any) -> np.ndarray:
    xr, xz, xn = np.split(linear(x, p["dense_i"]), 3, axis=1)
    hr, hz, hn = np.split(h @ p["dense_h"]["kernel"], 3, axis=1)
    r, z = 1 / (1 + np.exp(-(xr + hr))), 1 / (1 + np.exp(-(xz + hz)))
    n = np.tanh(xn + r * (hn + p["dense_h"].get("bias", np.zeros(12))[8:]))
    return (1 - z) * n + z * h


def once(circuit: Circuit, dtype: type = np.float32) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], Any]:
    """Outputs of one decision, what was sensed, and the weights (moved a little, so that biases count)."""
    params = circuit.init(jax.random.key(0))
    params["it"] = jax.tree.map(lambda w: w + 0.05, params["it"])
    moment = jax.tree.map(lambda x: x[0], life(circuit))
    params, observation = jax.tree.map(partial(np.asarray, dtype=dtype), (params, moment.observation))
    moment = moment._replace(observation=observation)
    ports = [p for p in circuit.port_names if p.startswith("it.")]
    step = jax.jit(partial(circuit.step, probes=ports))
    _, _, trace = step(params, circuit.initial(3), *moment)
    outputs = {port.removeprefix("it."): np.asarray(x) for port, x in trace.items()}
    return outputs, jax.tree.map(np.asarray, moment.observation), jax.tree.map(np.asarray, params["it"])


def linear(x: np.ndarray, p: Any) -> np.ndarray:
    return x @ p["kernel"] + p.get("bias", 0.0)


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0.0)


def gelu(x: np.ndarray) -> np.ndarray:
    """The approximation by a hyperbolic tangent, within 1e-3 of x Φ(x)."""
    approximate = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    np.testing.assert_allclose(approximate, 0.5 * x * (1 + erf(x / np.sqrt(2))), atol=1e-3)
    return approximate


def norm(x: np.ndarray, p: Any) -> np.ndarray:
    x = x - x.mean(axis=-1, keepdims=True)
    return x / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + 1e-6) * p["scale"] + p["bias"]


def self_attention(x: np.ndarray, p: Any) -> np.ndarray:
    """softmax(q kᵀ / √d) v per head (Vaswani et al. 2017, eq. 1)."""
    q, k, v = (np.einsum("btf,fhd->bthd", x, p[name]["kernel"]) for name in ("query", "key", "value"))
    weights = softmax(np.einsum("bthd,bshd->bhts", q, k) / np.sqrt(q.shape[-1]), axis=-1)
    return np.einsum("bhts,bshd,hdf->btf", weights, v, p["out"]["kernel"])
