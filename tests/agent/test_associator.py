"""What things like this bring: the delta rule by hand, surprise that unlearns, and trust in what counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from agent import Port, Ports
from agent.meta.associator import DIMENSIONS, Associator, AssociatorConfig, keys

ROWS, RAYS = 2, 4
COLOURS = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
TOUCH, FREE = 1.0, 0.0


def module(gate: bool = True, **options: Any) -> Associator:
    senses = Ports(image=Port((ROWS, RAYS, 4), "image"), touch=Port((2,)), reward=Port((1,)))
    return Associator(AssociatorConfig(**options), Ports({**senses, **({"gate": Port()} if gate else {})}), nnx.Rngs(0))


def thing(colour: int, row: int | None = None) -> np.ndarray:
    """An image `[rows, rays, 4]`: grey and far, but for the first ray, which meets a thing; in one row, or in both."""
    image = np.full((ROWS, RAYS, 4), 0.3)
    rows = slice(None) if row is None else row
    image[rows, 0, :3], image[rows, 0, 3] = COLOURS[colour], 0.95
    return image


def lived(it: Associator, moments: list[tuple[np.ndarray, float, float, float]]) -> Mapping[str, np.ndarray]:
    """Outputs `[T, ...]` along moments (image, touch, reward, gate) of one life."""
    state, found, key = it.initial(1), [], jax.random.split(jax.random.key(0), 1)
    for image, touch, reward, gate in moments:
        senses = {"image": image, "touch": [0.0, touch], "reward": [reward], "gate": gate}
        inputs = {n: jnp.asarray(x, jnp.float32)[None] for n, x in senses.items() if n in it.inputs}
        state, outputs = it(state, inputs, key)
        found.append({n: np.asarray(x)[0] for n, x in outputs.items()})
    return {n: np.stack([row[n] for row in found]) for n in found[0]}


def without_forgetting(it: Associator) -> Associator:
    it.pace["forget"][...] = jnp.float32(-40.0)
    return it


def test_the_delta_rule_by_hand() -> None:
    """α = 0.1 + 0.4 and k·k = 1: w·k goes 0, 0.5, then 0.5 + 0.5 (-1 - 0.5) = -0.25; errors are 1 and -1.5.

    Keys have length 1 up to 0.001 under the root, here and in the sum over rays that is mostly one ray.
    """
    red, it = thing(0), without_forgetting(module())
    good, bad, then = (red, TOUCH, 1.0, 0.0), (red, TOUCH, 0.0, 0.0), (red, FREE, 0.0, 0.4)
    found = lived(it, [(red, FREE, 0.0, 0.4), good, then, bad, then])
    np.testing.assert_allclose(found["map"][:, 0], [0.0, 0.0, 0.5, 0.5, -0.25], atol=0.01)
    np.testing.assert_allclose(found["error"], [0.0, 1.0, 0.0, -1.5, 0.0], atol=0.01)
    logit = 2.0 * 0.5  # the scale at first, times what was expected
    losses = [0.0, np.log(2.0), 0.0, np.log1p(np.exp(logit)), 0.0]
    np.testing.assert_allclose(found["prediction_loss"], losses, atol=0.01)


def test_it_learns_once_from_a_touch() -> None:
    """However long it lasts, and nothing while there is none."""
    red, it = thing(0), module(gate=False, rate=1.0)
    once = lived(it, [(red, TOUCH, 1.0, 0.0), (red, FREE, 0.0, 0.0)])
    long = lived(it, [(red, TOUCH, 1.0, 0.0), (red, TOUCH, 0.0, 0.0), (red, TOUCH, 0.0, 0.0)])
    np.testing.assert_allclose(once["map"][-1], long["map"][-1], rtol=1e-5)
    never = lived(it, [(red, FREE, 1.0, 0.0)] * 3)
    assert not never["map"].any()
    assert not never["prediction_loss"].any()


@pytest.mark.parametrize(("gate", "sign"), [(0.9, -1), (0.0, 1)])
def test_without_surprise_it_perseverates(gate: float, sign: int) -> None:
    """Ten touches bring good, then one does not: what is expected turns round, or stays as it was."""
    red, it = thing(0), module()
    good, bad, then = (red, TOUCH, 1.0, 0.0), (red, TOUCH, 0.0, 0.0), (red, FREE, 0.0, gate)
    found = lived(it, [good, (red, FREE, 0.0, 0.0)] * 10 + [bad, then])
    assert found["map"][-2, 0] > 0.2
    assert np.sign(found["map"][-1, 0]) == sign


def test_the_neutral_reward_parts_good_from_bad() -> None:
    red = thing(0)
    for neutral, error in ((0.0, 1.0), (0.5, -1.0)):
        it = module(neutral=neutral)
        assert lived(it, [(red, TOUCH, 0.3, 0.0)])["error"][0] == error


def test_grey_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match=r"image: it has 2 channels, not two colours and nearness\. Wire the retina"):
        AssociatorConfig().ports(Ports(image=Port((ROWS, RAYS, 2), "image")))


def test_no_gradient_reaches_the_gate() -> None:
    """What surprised is told by others, who are not to be taught to be surprised."""
    it, key = module(), jax.random.split(jax.random.key(0), 1)
    senses = {"image": thing(0)[None], "touch": np.ones((1, 2)), "reward": np.ones((1, 1))}

    def total(gate: jax.Array) -> jax.Array:
        inputs = {n: jnp.asarray(x, jnp.float32) for n, x in senses.items()} | {"gate": gate}
        return it(it(it.initial(1), inputs, key)[0], inputs, key)[1]["map"].sum()

    assert not jax.grad(total)(jnp.ones(1)).any()


@pytest.mark.parametrize(("rule", "dimension"), [(0, "colour"), (1, "form")])
def test_what_counts_is_trusted(rule: int, dimension: str) -> None:
    """Things have a colour and a form; where one of them tells what is good, that one is trusted and generalises."""
    it, random = module(gate=False, rate=0.6), np.random.default_rng(0)
    moments = []
    for colour, row in random.integers(0, 2, (20, 2)):
        touched = thing(colour, row)
        moments += [(touched, TOUCH, float((colour, row)[rule] == 0), 0.0), (touched, FREE, 0.0, 0.0)]
    probes = [(thing(colour, row), FREE, 0.0, 0.0) for colour in (0, 1) for row in (0, 1)]
    found = lived(it, moments + probes)
    assert found["trust"][-1, DIMENSIONS.index(dimension)] > 0.9
    expected = found["map"][-4:, 0].reshape(2, 2).swapaxes(0, rule)  # [good or bad, the other dimension]
    assert (expected[0] > 0.5).all()
    assert (expected[1] < -0.5).all()
    assert not found["map"][:, 1:].any()  # of grey walls nothing is expected


def test_keys_by_hand() -> None:
    """Red differs from its mean by (2, -1, -1) / 3, of length √6 / 3; it is in the second row alone, or in both."""
    image = jnp.asarray(np.stack([thing(0, 1), thing(0)]), jnp.float32)
    found = np.asarray(keys(image, 3))[:, 0]  # of the first ray
    np.testing.assert_allclose(found[:, 0], [np.array([2, -1, -1]) / np.sqrt(6.0)] * 2, atol=5e-3)
    np.testing.assert_allclose(found[:, 1], [(0, 1, 0), (np.sqrt(0.5), np.sqrt(0.5), 0)], atol=5e-3)


def test_the_loss_teaches_how_fast_to_forget() -> None:
    """Where what was good is so for ever, less is forgotten with every step downhill."""
    it, key = module(gate=False, rate=0.5), jax.random.split(jax.random.key(0), 1)
    graph, params = nnx.split(it)
    red = jnp.asarray(thing(0), jnp.float32)[None]

    def loss(params: Any) -> jax.Array:
        state, total, box = it.initial(1), jnp.float32(0), nnx.merge(graph, params)
        for _ in range(4):
            for touch in (TOUCH, FREE):
                senses = {"image": red, "touch": jnp.full((1, 2), touch), "reward": jnp.full((1, 1), touch)}
                state, outputs = box(state, senses, key)
                total += outputs["prediction_loss"].sum()
        return total

    slope = nnx.to_pure_dict(jax.jit(jax.grad(loss))(params))["pace"]
    assert slope["forget"] > 0
    assert slope["scale"] < 0
