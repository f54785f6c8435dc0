"""The analytic retina against MuJoCo's own rays, by hand, and where it could break."""

from __future__ import annotations

import copy

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from envs import arena, drawing
from envs.bodies.roller import Roller
from envs.scene import (
    COLOURS,
    SHAPES,
    Panels,
    PartCounts,
    Pose,
    Scene,
    Things,
    no_panels,
    no_things,
    scene,
    walls,
)
from envs.senses.retina import Retina

COUNTS = PartCounts(things=6, panels=3, cups=2)
RETINA = Retina()
LOOK = jax.jit(RETINA.look)


def things(rng: np.random.Generator, number: int, shapes: list[str], radii: tuple[float, float]) -> Things:
    colour = rng.permutation(list(COLOURS.values()))[np.arange(number) % len(COLOURS)]
    return Things(
        rng.uniform(-0.85, 0.85, (number, 2)),
        rng.uniform(*radii, number),
        colour,
        np.array([SHAPES[shapes[i % len(shapes)]] for i in range(number)]),
    )


def random_scene(rng: np.random.Generator) -> Scene:
    panels = Panels(
        rng.uniform(-0.8, 0.8, (3, 2)),
        rng.uniform(-np.pi, np.pi, 3),
        rng.uniform(0.1, 0.4, 3),
        rng.uniform(0, 1, (3, 3)),
        np.ones(3),
    )
    made = Scene(
        things(rng, 6, list(SHAPES), (0.07, 0.13)),
        panels,
        things(rng, 2, ["pillar"], (0.14, 0.14)),
        walls("landmark"),
        jnp.bool_(False),
    )
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), made)


def free(position: np.ndarray, made: Scene) -> bool:
    round_ones = [(np.asarray(group.position), np.asarray(group.radius)) for group in (made.things, made.cups)]
    clear = all((np.hypot(*(places - position).T) > radii + 0.03).all() for places, radii in round_ones)
    return clear and bool((np.hypot(*(np.asarray(made.panels.position) - position).T) > 0.45).all())


def pose(position: np.ndarray, heading: float) -> Pose:
    return Pose(jnp.asarray(position, jnp.float32), jnp.float32(heading), jnp.zeros(2), jnp.float32(0))


class Rays:
    """MuJoCo's rays in a scene: distance and geom along an angle, from a row's eye height."""

    def __init__(self, made: Scene) -> None:
        self.model = copy.copy(arena.compiled(Roller().mjcf(), COUNTS, visual=True))
        data = mujoco.MjData(self.model)
        drawing.dress(self.model, data, made)
        mujoco.mj_forward(self.model, data)
        self.data, self.body = data, self.model.body("body/roller").id
        self.seen = np.array([group == arena.VISUAL_GROUP for group in range(mujoco.mjNGROUP)], np.uint8)

    def __call__(self, position: np.ndarray, angles: np.ndarray, row: int) -> tuple[np.ndarray, np.ndarray]:
        number = len(angles)
        geom, distance = np.zeros(number, np.int32), np.zeros(number)
        vectors = np.stack([np.cos(angles), np.sin(angles), np.zeros(number)], -1)
        eye = np.array([*position, arena.EYE_HEIGHTS[row]], float)
        mujoco.mj_multiRay(
            self.model, self.data, eye, vectors.reshape(-1), self.seen, 1, self.body, geom, distance, None, number, 1e3
        )
        return distance, geom


def test_agrees_with_mujoco_on_random_scenes() -> None:
    rng = np.random.default_rng(0)
    compared = total = 0
    for _ in range(40):
        made = random_scene(rng)
        position = rng.uniform(-0.9, 0.9, 2)
        if not free(position, made):
            continue
        heading, rays = float(rng.uniform(-np.pi, np.pi)), Rays(made)
        seen = jax.tree.map(np.asarray, LOOK(pose(position, heading), made))
        position = np.asarray(pose(position, heading).position, float)
        angles = heading + RETINA.angles()
        for row in range(2):
            distance, geom = rays(position, angles, row)
            # at an outline, single precision may fall on the other side
            sides = [rays(position, angles + turn, row) for turn in (-3e-4, 3e-4)]
            inner = np.all([(np.abs(side[0] - distance) < 0.02) & (side[1] == geom) for side in sides], axis=0)
            np.testing.assert_allclose(seen.depth[row][inner], distance[inner], atol=1e-4)
            hits = position + distance[:, None] * np.stack([np.cos(angles), np.sin(angles)], -1)
            expected = np.array([painted(rays.model, g, hit) for g, hit in zip(geom, hits, strict=True)])
            np.testing.assert_allclose(np.stack(seen.colour, -1)[row][inner], expected[inner], atol=1e-4)
            compared, total = compared + inner.sum(), total + inner.size
    assert total > 1000
    assert compared > 0.95 * total


def painted(model: mujoco.MjModel, geom: int, hit: np.ndarray) -> np.ndarray:
    """The colour of a geom; a wall's fades from its far (positive) end to 0.4 at the other."""
    name, colour = model.geom(int(geom)).name, model.geom_rgba[geom, :3]
    if not name.startswith("wall_"):
        return colour
    along = hit[1] if name in ("wall_east_seen", "wall_west_seen") else hit[0]
    return colour * (0.4 + 0.6 * (along + 1) / 2)


def one_pillar(colour: str = "red", shape: str = "pillar") -> Things:
    return Things(jnp.array([[0.5, 0.0]]), jnp.array([0.1]), jnp.array([COLOURS[colour]]), jnp.array([SHAPES[shape]]))


@pytest.mark.parametrize(("shape", "rows"), [("pillar", (0.4, 0.4)), ("stone", (0.4, 1.0)), ("mushroom", (1.0, 0.4))])
def test_rows_see_shapes(shape: str, rows: tuple[float, float]) -> None:
    eye = Retina(rays=1)
    seen = eye.look(pose(np.zeros(2), 0.0), scene(one_pillar(shape=shape), "plain"))
    np.testing.assert_allclose(seen.depth[:, 0], rows, atol=1e-6)


def test_the_left_comes_first() -> None:
    thing = Things(jnp.array([[0.0, 0.5]]), jnp.array([0.1]), jnp.array([COLOURS["green"]]), jnp.array([(1.0, 1.0)]))
    seen = RETINA.look(pose(np.zeros(2), 0.0), scene(thing, "plain"))
    assert int(jnp.argmax(seen.colour[1][0])) == 0


def test_a_clear_panel_tints_and_an_opaque_one_hides() -> None:
    panel = Panels(
        jnp.array([[0.3, 0.0]]), jnp.zeros(1), jnp.array([0.2]), jnp.array([[0.0, 0.0, 1.0]]), jnp.array([0.15])
    )
    made = scene(one_pillar("red"), "plain")._replace(panels=panel)
    eye = Retina(rays=1)
    clear = eye.look(pose(np.zeros(2), 0.0), made)
    np.testing.assert_allclose(clear.depth[0, 0], 0.4, atol=1e-6)
    np.testing.assert_allclose([c[0, 0] for c in clear.colour], [0.85, 0.085, 0.85 * 0.1 + 0.15], atol=1e-6)
    opaque = eye.look(pose(np.zeros(2), 0.0), made._replace(panels=panel._replace(alpha=jnp.ones(1))))
    np.testing.assert_allclose(opaque.depth[0, 0], 0.29, atol=1e-6)


@pytest.mark.parametrize("heading", [0.0, np.pi / 2, np.pi, -np.pi / 2, np.pi / 4, -3 * np.pi / 4])
@pytest.mark.parametrize("position", [(0.0, 0.0), (0.94, 0.94), (1.0, 0.3), (-0.2, -1.0), (1.01, 1.01)])
def test_finite_along_walls_with_gradients(heading: float, position: tuple[float, float]) -> None:
    """A ray exactly parallel to a wall, an eye on or beyond it, a tangent to a thing, an empty scene."""
    eye = Retina(rays=5)
    tangent = Things(jnp.array([[0.5, 0.1]]), jnp.array([0.1]), jnp.ones((1, 3)), jnp.ones((1, 2)))

    for group in (no_things(), tangent):

        def total(where: Pose, group: Things = group) -> jax.Array:
            seen = eye.look(where, scene(group, "landmark")._replace(panels=no_panels()))
            return jnp.exp(-seen.depth).sum() + sum(c.sum() for c in seen.colour)

        value, slope = jax.value_and_grad(total)(pose(np.array(position), heading))
        assert np.isfinite(value)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slope))


def test_nothing_is_seen_in_the_dark() -> None:
    class Moment:
        pose = pose(np.zeros(2), 0.0)
        scene = scene(one_pillar(), "plain", dark=True)

    assert not np.asarray(RETINA(None, (), Moment())[1]).any()  # type: ignore[arg-type]
