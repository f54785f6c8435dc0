"""Every shape of an environment as it stands, for drawing: works without a display, for any body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from envs.arena import SOLID_GROUP, WALL_NAMES, parts
from envs.physics import Parts
from envs.scene import Scene, no_things

if TYPE_CHECKING:
    from envs.world import World, WorldState

TYPES = {number: mujoco.mjtGeom(number).name.removeprefix("mjGEOM_").lower() for number in range(8)}


class Geom(NamedTuple):
    """One shape in the arena's axes; sizes are MuJoCo's (sphere: radius; cylinder, capsule: radius, half length along
    its own z; box: half sides; plane: half sides; mesh: none)."""

    name: str
    type: str  # plane, sphere, capsule, ellipsoid, cylinder, box, mesh, ...
    size: tuple[float, float, float]
    position: tuple[float, float, float]  # m
    rotation: tuple[float, ...]  # 9 numbers, row by row
    rgba: tuple[float, float, float, float]


def geoms(env: World, row: WorldState) -> list[Geom]:
    """All visible shapes of one environment, the same ones in the same order at every time of an episode.

    row: one environment's part of the state (`jax.tree.map(lambda leaf: leaf[i], state)`), as NumPy or JAX arrays.
    """
    scene = env.task.scene(jax.tree.map(jnp.asarray, row.task))
    return shapes(env.model, np.asarray(row.physics.qpos), jax.tree.map(np.asarray, scene))


def shapes(model: mujoco.MjModel, qpos: np.ndarray, scene: Scene) -> list[Geom]:
    """As `geoms`, from positions `[nq]` and a scene; what only touches (group 3) is left out, the rest is drawn."""
    data = mujoco.MjData(model)
    data.qpos[:] = qpos
    _place(model, data, scene)
    mujoco.mj_forward(model, data)
    size, rgba = _dressed(model, scene)
    listed = []
    for index in range(model.ngeom):
        if model.geom_group[index] != SOLID_GROUP:
            numbers: Any = [
                tuple(map(float, values))
                for values in (size[index], data.geom_xpos[index], data.geom_xmat[index], rgba[index])
            ]
            listed.append(Geom(model.geom(index).name, TYPES.get(int(model.geom_type[index]), "other"), *numbers))
    return listed


def dress(model: mujoco.MjModel, data: mujoco.MjData, scene: Scene, placed: Parts | None = None) -> None:
    """Writes a scene's places, sizes and colours into a model (a copy of `env.model`) and its data, to render them.

    placed: what `arena.parts` makes of the scene, for callers who must not call JAX.
    """
    _place(model, data, scene, placed)
    model.geom_size[:], model.geom_rgba[:] = _dressed(model, scene)


def _place(model: mujoco.MjModel, data: mujoco.MjData, scene: Scene, placed: Parts | None = None) -> None:
    if model.nmocap:
        placed = placed or parts(jax.tree.map(jnp.asarray, scene))
        data.mocap_pos[:], data.mocap_quat[:] = np.asarray(placed.position), np.asarray(placed.quaternion)


def dressing(model: mujoco.MjModel, scene: Scene) -> tuple[list[tuple[int, int, Any]], list[tuple[int, Any, Any]]]:
    """What a scene changes of the model's shapes: `(geom, axis, size)` each, and `(geom, colour [3], alpha)` each.

    What a shape lacks (a stone's upper half, a mushroom's lower) is transparent. Arrays may be NumPy's or JAX's.
    """
    sizes, colours = [], []
    for kind, group in (("thing", scene.things), ("cup", scene.cups), ("other", scene.others or no_things())):
        for index in range(len(group.radius)):
            sizes.append((model.geom(f"{kind}{index}").id, 0, group.radius[index]))
            for half, name in enumerate(("low", "high")):
                geom = model.geom(f"{kind}{index}_{name}").id
                sizes.append((geom, 0, group.radius[index]))
                colours.append((geom, group.colour[index], 1.0 * (group.rows[index, half] > 0)))
    for index in range(len(scene.panels.alpha)):
        for name in (f"panel{index}", f"panel{index}_seen"):
            sizes.append((model.geom(name).id, 1, scene.panels.half_length[index]))
        colours.append((model.geom(f"panel{index}_seen").id, scene.panels.colour[index], scene.panels.alpha[index]))
    for index, name in enumerate(WALL_NAMES):
        colours.append((model.geom(f"{name}_seen").id, scene.walls.colour[index], 1.0))
    return sizes, colours


def _dressed(model: mujoco.MjModel, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """`geom_size` and `geom_rgba` with the scene's sizes and colours."""
    size, rgba = model.geom_size.copy(), model.geom_rgba.copy()
    sizes, colours = dressing(model, scene)
    for geom, axis, value in sizes:
        size[geom, axis] = value
    for geom, colour, alpha in colours:
        rgba[geom] = (*colour, alpha)
    return size, rgba
