"""What is in the way, and where what is wanted is: by hand."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from agent.meta.incentive import Incentive, IncentiveConfig
from agent.planning.obstacle_map import ObstacleMap, ObstacleMapConfig
from agent.ports import Port, Ports
from tests.agent.parts import keys, pose

GREY, GREEN, RED = (0.3, 0.3, 0.3), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)
RAYS = 4  # at 67.5, 22.5, -22.5 and -67.5 degrees


def view(colours: Any, depths: Any) -> jax.Array:
    """`[1, 2, rays, 4]`: both rows alike."""
    near = np.exp(-np.asarray(depths, np.float32))[:, None]
    row = np.concatenate([np.asarray(colours, np.float32), near], axis=1)
    return jnp.asarray(np.stack([row, row])[None])


def mapped(inputs: dict[str, jax.Array], state: Any = None, **options: Any) -> tuple[Any, set[tuple[int, int]]]:
    state, told = charted(inputs, state, **options)
    x, y = np.nonzero(np.asarray(told["blocked"][0]))
    return state, set(zip(x.tolist(), y.tolist(), strict=True))


def charted(inputs: dict[str, jax.Array], state: Any = None, **options: Any) -> tuple[Any, dict[str, jax.Array]]:
    sizes = {"image": Port((2, RAYS, 4)), "touch": Port((8,)), "pose": Port((4,)), "wanted": Port((RAYS,))}
    config = ObstacleMapConfig(cells=20, cell=0.1, **options)
    it = ObstacleMap(config, Ports({k: v for k, v in sizes.items() if k in inputs}), nnx.Rngs(0))
    return it(it.initial(1) if state is None else state, inputs, keys(1))


def cell(x: float, y: float) -> tuple[int, int]:
    return int(np.floor(x / 0.1)) + 10, int(np.floor(y / 0.1)) + 10


def test_what_a_ray_meets_or_the_body_feels_is_in_the_way() -> None:
    inputs = {
        "image": view([GREY] * RAYS, [5.0, 0.5, 0.7, 5.0]),
        "touch": jnp.zeros((1, 8)),
        "pose": pose(0.2, -0.1, 90.0),
    }
    state, seen = mapped(inputs)
    ends = [(d, np.deg2rad(90 + a)) for d, a in ((0.5, 22.5), (0.7, -22.5))]
    assert seen == {cell(0.2 + d * np.cos(a), -0.1 + d * np.sin(a)) for d, a in ends}
    nothing = inputs | {"image": view([GREY] * RAYS, [5.0] * RAYS)}
    felt = nothing | {"touch": jnp.zeros((1, 8)).at[0, 2].set(1.0)}  # on the left, which is west
    state, known = mapped(felt, state)
    assert known == seen | {cell(0.2 - 0.11, -0.1)}
    assert mapped(nothing, state)[1] == known  # what was found stays
    amid = nothing | {"touch": jnp.zeros((1, 8)).at[0, jnp.array([0, 1])].set(1.0)}  # between two sectors
    angle = np.deg2rad(90 + 22.5)
    assert mapped(amid)[1] == {cell(0.2 + 0.11 * np.cos(angle), -0.1 + 0.11 * np.sin(angle))}


def test_only_what_is_new_is_reported_as_felt() -> None:
    inputs = {"image": view([GREY] * RAYS, [5.0] * RAYS), "touch": jnp.zeros((1, 8)), "pose": pose(0.0, 0.0, 0.0)}
    felt = []
    state = None
    for sector in (None, 0, 0, 4, 0):
        touch = jnp.zeros((1, 8)) if sector is None else jnp.zeros((1, 8)).at[0, sector].set(2.0)
        state, told = charted(inputs | {"touch": touch}, state)
        felt.append(float(told["felt"][0]))
    assert felt == [0.0, 1.0, 0.0, 1.0, 0.0]


def test_what_is_wanted_is_not_in_the_way() -> None:
    inputs = {
        "image": view([GREY] * RAYS, [0.9, 0.5, 0.7, 0.9]),
        "touch": jnp.zeros((1, 8)),
        "pose": pose(0.0, 0.0, 0.0),
        "wanted": jnp.array([[0.0, 0.9, 0.1, 0.0]]),
    }
    _, seen = mapped(inputs)
    assert cell(0.5 * np.cos(np.pi / 8), 0.5 * np.sin(np.pi / 8)) not in seen
    assert len(seen) == RAYS - 1
    assert len(mapped(inputs, range=0.8)[1]) == 1  # far rays are not trusted


def incentive() -> Incentive:
    sizes = {"image": Port((2, RAYS, 4)), "touch": Port((8,)), "reward": Port((1,)), "pose": Port((4,))}
    return Incentive(IncentiveConfig(), Ports(sizes), nnx.Rngs(0))


def met(colour: Any, reward: float, depth: float = 0.06) -> dict[str, jax.Array]:
    return {
        "image": view([GREY, colour, GREY, GREY], [0.8, depth, 0.8, 0.8]),
        "touch": jnp.full((1, 8), 1.0),
        "reward": jnp.full((1, 1), reward),
        "pose": pose(0.0, 0.0, 0.0),
    }


def test_what_brought_reward_is_wanted_and_its_place_kept() -> None:
    it = incentive()

    def loss(it: Incentive, inputs: dict[str, jax.Array]) -> jax.Array:
        return it(it.initial(1), inputs, keys(1))[1]["outcome_loss"].sum()

    slope = jax.jit(lambda it, inputs: nnx.value_and_grad(loss)(it, inputs))
    assert float(loss(it, met(GREEN, 1.0, depth=0.5))) == 0.0  # pressed by something else
    for _ in range(200):
        for seen, reward in ((GREEN, 1.0), (RED, -0.5)):
            _, gradient = slope(it, met(seen, reward))
            it.worth[...] = it.worth[...] - 0.01 * gradient.worth[...]
    inputs = met(GREEN, 0.0, depth=0.5) | {"touch": jnp.zeros((1, 8)), "pose": pose(0.1, 0.2, 180.0)}
    state, told = it(it.initial(1), inputs, keys(1))
    assert (np.asarray(told["map"][0]) > 0.5).tolist() == [False, True, False, False]
    angle = np.deg2rad(180 + 22.5)
    place = [0.1 + 0.5 * np.cos(angle), 0.2 + 0.5 * np.sin(angle), 1.0]
    np.testing.assert_allclose(told["goal"][0], place, atol=1e-5)
    away = inputs | {"image": view([GREY, RED, GREY, GREY], [0.8, 0.3, 0.8, 0.8])}
    np.testing.assert_allclose(it(state, away, keys(1))[1]["goal"][0], place, atol=1e-5)
