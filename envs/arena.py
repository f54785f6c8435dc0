"""The shared arena as MJCF: a walled floor and a pool of movable parts, with one body in it.

Every part is a mocap body, so the task's state alone says where it is and MuJoCo integrates nothing but the agent.
Sizes are data too: engines take each part's size at every step, and the sizes compiled here are the largest allowed
(bounding volumes stay valid for smaller ones). A task's physics holds only the parts that it uses, because an unused
one costs as much as a used one: parking all 18 would cost a third of the speed.
"""

from __future__ import annotations

from functools import lru_cache

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from envs.physics import Parts
from envs.registry import EnvError
from envs.scene import PartCounts, Scene, no_things

HALF = 1.0  # half side of the floor, m
WALL_HEIGHT = 0.25
THING_HALF_HEIGHT = 0.12  # a stone is the lower half of a pillar, a mushroom's cap the upper
PANEL_HALF_THICKNESS, PANEL_HALF_HEIGHT = 0.01, 0.15
EYE_HEIGHTS = (0.06, 0.18)  # the retina's low and high row, m
POOL = PartCounts(things=8, panels=6, cups=4, others=1)
LARGEST = {
    "thing": (0.15, THING_HALF_HEIGHT, 0.0),
    "panel": (PANEL_HALF_THICKNESS, 1.0, PANEL_HALF_HEIGHT),
    "cup": (0.15, THING_HALF_HEIGHT, 0.0),
    "other": (0.10, THING_HALF_HEIGHT, 0.0),
}
CONTROL_SECONDS = 0.05
TIMESTEP = 0.01  # of the default body; a body's MJCF says its own, with the rest of MuJoCo's options
SUBSTEPS = 5

# Collision bits: the world is of type 2, a body answers to 2; the floor is of type 4, for bodies that stand on it.
WORLD, AGENT, FLOOR = 2, 1, 4
SOLID_GROUP, VISUAL_GROUP = 3, 1
_FEW = 2
WALL_NAMES = ("wall_east", "wall_north", "wall_west", "wall_south")


def spec(counts: PartCounts = POOL) -> mujoco.MjSpec:
    """The arena without a body."""
    arena = mujoco.MjSpec()
    arena.modelname = "scrubjay"
    world = arena.worldbody
    world.add_light(pos=[0, 0, 4], castshadow=False)
    world.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[HALF, HALF, 0.1],
        rgba=[0.85, 0.83, 0.8, 1],
        contype=FLOOR,
        conaffinity=0,
        group=0,
    )
    for name, (x, y) in zip(WALL_NAMES, ((1, 0), (0, 1), (-1, 0), (0, -1)), strict=True):
        _wall(world, name, x, y)
    for kind, number in zip(LARGEST, counts, strict=True):
        for index in range(number):
            _part(world, kind, f"{kind}{index}")
    return arena


def _wall(world: mujoco.MjsBody, name: str, x: int, y: int) -> None:
    """A plane to bump into, and a thin box to look at."""
    world.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[0, 0, 1],
        pos=[x * HALF, y * HALF, 0],
        quat=[1, y, -x, 0],  # a quarter turn, the normal pointing inwards
        contype=WORLD,
        conaffinity=0,
        condim=1,
        group=SOLID_GROUP,
        rgba=[0, 0, 0, 0],
    )
    thin, half = 0.01, HALF + 0.02
    world.add_geom(
        name=f"{name}_seen",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        contype=0,
        conaffinity=0,
        group=VISUAL_GROUP,
        size=[thin if x else half, thin if y else half, WALL_HEIGHT / 2],
        mass=0,
        pos=[x * (HALF + thin), y * (HALF + thin), WALL_HEIGHT / 2],
        rgba=[0.5, 0.5, 0.5, 1],
    )


def _part(world: mujoco.MjsBody, kind: str, name: str) -> None:
    """A movable part: the solid shape, and visual shapes that `envs.drawing` colours and sizes."""
    body = world.add_body(name=name, mocap=True, pos=[0, 0, -5])
    box = kind == "panel"
    body.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_BOX if box else mujoco.mjtGeom.mjGEOM_CAPSULE,
        size=LARGEST[kind],
        contype=WORLD,
        conaffinity=0,
        condim=1,
        group=SOLID_GROUP,
        rgba=[0, 0, 0, 0],
    )
    height = PANEL_HALF_HEIGHT if box else THING_HALF_HEIGHT
    for half, offset in (("", 0.0),) if box else (("_low", -height / 2), ("_high", height / 2)):
        body.add_geom(
            name=f"{name}{half or '_seen'}",
            pos=[0, 0, offset],
            contype=0,
            conaffinity=0,
            group=VISUAL_GROUP,
            type=mujoco.mjtGeom.mjGEOM_BOX if box else mujoco.mjtGeom.mjGEOM_CYLINDER,
            size=LARGEST[kind] if box else [LARGEST[kind][0], height / 2, 0],
            rgba=[0.5, 0.5, 0.5, 1],
        )


@lru_cache(maxsize=32)
def compiled(body: str, counts: PartCounts, visual: bool) -> mujoco.MjModel:
    """Arena and body (MJCF text) as one model: for drawing, or, without what cannot be touched, for physics."""
    arena = spec(counts)
    own = mujoco.MjSpec.from_string(body)
    _adopt(arena, own)
    arena.attach(own, prefix="body/", frame=arena.worldbody.add_frame())
    if not visual:
        _strip(arena)
        _pair(arena)
    return arena.compile()


def _adopt(arena: mujoco.MjSpec, body: mujoco.MjSpec) -> None:
    """The physics is as the body's MJCF wants it: physics step, integrator, solver, gravity and all."""
    for name in (name for name in dir(body.option) if not name.startswith("_")):
        setattr(arena.option, name, getattr(body.option, name))


def substeps(model: mujoco.MjModel) -> int:
    """How many physics steps of a model fill one control step."""
    number = round(CONTROL_SECONDS / model.opt.timestep)
    if number < 1 or not np.isclose(number * model.opt.timestep, CONTROL_SECONDS, rtol=1e-6):
        raise EnvError(
            f"env.body: a physics step of {model.opt.timestep} s does not divide the control step, {CONTROL_SECONDS} s."
            f' Write <option timestep="{CONTROL_SECONDS / max(number, 1)}"/> in its MJCF.'
        )
    return number


def _strip(arena: mujoco.MjSpec) -> None:
    """Removes shapes that touch nothing and weigh nothing."""
    for geom in list(arena.geoms):
        weightless = geom.mass == 0 or geom.density == 0 or geom.parent.explicitinertial
        if geom.contype == geom.conaffinity == 0 and (weightless or geom.parent.name == "world" or geom.parent.mocap):
            arena.delete(geom)


def _pair(arena: mujoco.MjSpec) -> None:
    """Says outright what may touch what, for a body of few solid shapes: a fifth faster than MuJoCo's search."""
    own = [geom for geom in arena.geoms if geom.name.startswith("body/") and (geom.contype or geom.conaffinity)]
    if not 0 < len(own) <= _FEW or any(not geom.name for geom in arena.geoms):
        return
    for other in [geom for geom in arena.geoms if not geom.name.startswith("body/")]:
        for geom in own:
            if other.contype & geom.conaffinity or geom.contype & other.conaffinity:
                alone = geom.priority > other.priority  # then what the body is made of counts alone
                slide, spin, roll = geom.friction if alone else np.maximum(geom.friction, other.friction)
                arena.add_pair(
                    geomname1=other.name,
                    geomname2=geom.name,
                    condim=geom.condim if alone else max(geom.condim, other.condim),
                    friction=[slide, slide, spin, roll, roll],
                    solref=geom.solref,
                    solimp=geom.solimp,
                )
        other.contype = other.conaffinity = 0


def part_names(counts: PartCounts) -> list[str]:
    """Names of the parts in the order of `parts`."""
    return [f"{kind}{index}" for kind, number in zip(LARGEST, counts, strict=True) for index in range(number)]


def parts(scene: Scene) -> Parts:
    """Poses and sizes of all parts of one environment's scene, in the order of `part_names`."""
    things, panels, cups, others = scene.things, scene.panels, scene.cups, scene.others or no_things()
    round_size = lambda group: jnp.stack(  # noqa: E731
        [group.radius, jnp.full_like(group.radius, THING_HALF_HEIGHT), jnp.zeros_like(group.radius)], -1
    )
    flat = jnp.full_like(panels.half_length, PANEL_HALF_THICKNESS)
    panel_size = jnp.stack([flat, panels.half_length, jnp.full_like(flat, PANEL_HALF_HEIGHT)], -1)
    raised = lambda xy, z: jnp.concatenate([xy, jnp.full_like(xy[:, :1], z)], -1)  # noqa: E731
    position = jnp.concatenate(
        [
            raised(things.position, THING_HALF_HEIGHT),
            raised(panels.position, PANEL_HALF_HEIGHT),
            raised(cups.position, THING_HALF_HEIGHT),
            raised(others.position, THING_HALF_HEIGHT),
        ]
    )
    still = jnp.zeros_like  # round things look alike from all sides
    turn = jnp.concatenate([still(things.radius), panels.heading, still(cups.radius), still(others.radius)]) / 2
    zero = jnp.zeros_like(turn)
    quaternion = jnp.stack([jnp.cos(turn), zero, zero, jnp.sin(turn)], -1)
    sizes = [round_size(things), panel_size, round_size(cups), round_size(others)]
    return Parts(position, quaternion, jnp.concatenate(sizes))


def inside(position: jax.Array, margin: float) -> jax.Array:
    """Whether points `[..., 2]` lie at least `margin` m inside the walls."""
    return jnp.all(jnp.abs(position) <= HALF - margin, -1)
