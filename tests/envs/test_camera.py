"""Camera pictures: against the retina and MuJoCo's rays, in the dark and through glass, and without OpenGL."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

import envs
from envs import arena, drawing, rendering
from envs.bodies.roller import Roller
from envs.scene import COLOURS, SHAPES, Panels, PartCounts, Scene, Things, no_things, scene, walls
from envs.senses.camera import CLASSES, Camera, _drawer
from envs.senses.retina import Retina
from tests.envs.conftest import Rig

WIDTH, HEIGHT = 65, 49  # odd, so that a pixel lies in the middle
MIDDLE = (HEIGHT // 2, WIDTH // 2)


def _refusal() -> str:
    try:
        rendering.backend()
    except envs.EnvError as error:
        return str(error)
    return ""


needs_gl = pytest.mark.skipif(bool(_refusal()), reason=_refusal())


def rig(mode: str, **options: Any) -> Rig:
    senses = {"camera": {"mode": mode, "width": WIDTH, "height": HEIGHT}, "retina": {"rays": 3, "field": 1.0}}
    return Rig(envs.make("forage", batch=32, senses=senses, **options))


@pytest.fixture(scope="module", params=["roller", "ant"])
def pictures(request: pytest.FixtureRequest) -> tuple[Rig, Any, dict[str, np.ndarray]]:
    """A world, its state, and what cameras of all modes see of it."""
    found = {}
    for mode in ("rgb", "depth", "segmentation"):
        world = rig(mode, body=request.param)
        state, step = jax.jit(world.env.reset)(jax.random.key(4))
        found[mode] = np.asarray(step.observation["camera"])
    return world, state, found


@needs_gl
def test_the_middle_agrees_with_mujocos_rays(pictures: tuple[Rig, Any, dict[str, np.ndarray]]) -> None:
    world, state, found = pictures
    model: mujoco.MjModel = world.env.model.__copy__()
    data = mujoco.MjData(model)
    scenes, qpos = jax.tree.map(np.asarray, world.env.scene(state)), np.asarray(world.env.qpos(state))
    group, met = np.array([1, 1, 1, 0, 1, 1], np.uint8), np.zeros(1, np.int32)
    eye, checked = model.camera("body/eye").id, 0
    for env in range(world.env.batch):
        data.qpos[:] = qpos[env]
        drawing.dress(model, data, jax.tree.map(lambda leaf, e=env: leaf[e], scenes))
        mujoco.mj_forward(model, data)
        axis = -data.cam_xmat[eye].reshape(3, 3)[:, 2]
        own = model.cam_bodyid[eye]
        depth = mujoco.mj_ray(model, data, data.cam_xpos[eye], axis, group, True, own, met)
        if depth < 0:
            continue
        seen = found["depth"][env][MIDDLE][0]
        around = found["segmentation"][env, MIDDLE[0] - 1 : MIDDLE[0] + 2, MIDDLE[1] - 1 : MIDDLE[1] + 2]
        if (around == around[0, 0]).all():  # elsewhere the pixel may lie beside an edge
            name = model.geom(met[0]).name
            assert name.startswith(CLASSES[int(np.argmax(found["segmentation"][env][MIDDLE]))])
            np.testing.assert_allclose(seen, depth, atol=0.01)
            checked += 1
    assert checked > 20


@needs_gl
def test_the_middle_agrees_with_the_retina(pictures: tuple[Rig, Any, dict[str, np.ndarray]]) -> None:
    world, state, found = pictures
    if not isinstance(world.env.body, Roller):
        pytest.skip("only the roller's eye stays level")
    look = jax.vmap(Retina(rays=3, field=1.0).look)(world.env.pose(state), world.env.scene(state))
    room = jax.vmap(Retina(rays=3, field=1.0).look)(
        world.env.pose(state), world.env.scene(state)._replace(things=no_things_of(world.env.batch))
    )
    depth = np.asarray(look.depth)[:, 1]  # the high row, level with the eye
    clear = np.ptp(depth, axis=-1) < 0.05
    assert clear.sum() > 20
    np.testing.assert_allclose(
        found["depth"][:, *MIDDLE, 0][clear] + 0.8 * world.env.body.radius, depth[clear, 1], atol=0.01
    )
    thing = depth[:, 1] < np.asarray(room.depth)[:, 1, 1] - 1e-3
    kinds = found["segmentation"][:, *MIDDLE].argmax(-1)
    np.testing.assert_array_equal(kinds[clear & thing], CLASSES.index("thing"))
    np.testing.assert_array_equal(kinds[clear & ~thing], CLASSES.index("wall"))
    assert (clear & thing).any()
    colours = np.stack([np.asarray(c)[:, 1, 1] for c in look.colour], -1)
    seen = found["rgb"][:, *MIDDLE]
    np.testing.assert_array_equal(seen.argmax(-1)[clear & thing], colours.argmax(-1)[clear & thing])


def no_things_of(batch: int) -> Things:
    return jax.tree.map(lambda leaf: jnp.zeros((batch, *leaf.shape)), no_things())


@needs_gl
def test_same_state_same_pixels() -> None:
    world = rig("rgb")
    state, step = world.reset(jax.random.key(0))
    again, same = world.reset(jax.random.key(0))
    np.testing.assert_array_equal(step.observation["camera"], same.observation["camera"])
    runs = [world.roll(s, world.actions(5))[1].observation["camera"] for s in (state, again)]
    np.testing.assert_array_equal(*runs)
    assert world.env.observation_space["camera"].shape == (HEIGHT, WIDTH, 3)
    assert np.asarray(runs[0][0, 0]) in world.env.observation_space["camera"]
    assert not np.array_equal(runs[0][0], runs[0][-1])


COUNTS = PartCounts(things=1, panels=1)


def hand_made(shape: str = "pillar", alpha: float = 1.0, dark: bool = False) -> Scene:
    """The body in the middle looks east: a thing at 0.6 m behind a panel at 0.3 m, turned away where alpha is 0."""
    thing = Things(jnp.array([[0.6, 0.0]]), jnp.array([0.1]), jnp.array([COLOURS["blue"]]), jnp.array([SHAPES[shape]]))
    place = jnp.array([[0.3 if alpha else -0.5, 0.0]])
    panel = Panels(place, jnp.zeros(1), jnp.array([0.3]), jnp.array([COLOURS["red"]]), jnp.array([alpha or 1.0]))
    return Scene(thing, panel, no_things(), walls("plain"), jnp.bool_(dark))


@pytest.fixture(scope="module")
def draw() -> Callable[..., np.ndarray]:
    model = arena.compiled(Roller().mjcf(), COUNTS, visual=True)

    def picture(mode: str, made: Scene) -> np.ndarray:
        return _drawer(model, Camera(mode, WIDTH, HEIGHT))(np.zeros(3, np.float32), made, arena.parts(made))

    return picture


@needs_gl
def test_glass_is_seen_through(draw: Callable[..., np.ndarray]) -> None:
    eye = 0.8 * 0.06
    np.testing.assert_allclose(draw("depth", hand_made())[MIDDLE], 0.29 - eye, atol=1e-3)
    assert draw("segmentation", hand_made())[MIDDLE][CLASSES.index("panel")] == 1
    np.testing.assert_allclose(draw("depth", hand_made(alpha=0.15))[MIDDLE], 0.5 - eye, atol=1e-3)
    assert draw("segmentation", hand_made(alpha=0.15))[MIDDLE][CLASSES.index("thing")] == 1
    plain, tinted = (draw("rgb", hand_made(alpha=alpha))[MIDDLE] for alpha in (0.0, 0.15))
    assert plain.argmax() == tinted.argmax() == 2
    assert tinted[0] > plain[0]


@needs_gl
def test_only_what_is_there_is_seen(draw: Callable[..., np.ndarray]) -> None:
    for shape, (low, high) in SHAPES.items():
        seen = draw("segmentation", hand_made(shape, alpha=0.0))[:, WIDTH // 2, CLASSES.index("thing")]
        assert seen[: HEIGHT // 2 - 1].any() == bool(high), shape
        assert seen[HEIGHT // 2 + 2 :].any() == bool(low), shape
    for mode in ("rgb", "depth", "segmentation"):
        assert not draw(mode, hand_made(dark=True)).any()
    nothing = draw("segmentation", hand_made(alpha=0.0))[0, 0]  # over the wall
    assert not nothing.any()
    assert draw("depth", hand_made(alpha=0.0))[0, 0] == pytest.approx(rendering.FAR)


def test_without_gl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "_works", lambda name: False)
    for setting, text in (
        ("", "no OpenGL draws here (tried "),
        ("egl", "(tried egl, which MUJOCO_GL=egl asks for). Install EGL or OSMesa (Debian: apt install libegl1 or "),
        ("off", "MUJOCO_GL=off switches MuJoCo's renderer off. Unset it."),
    ):
        monkeypatch.setenv("MUJOCO_GL", setting)
        with pytest.raises(envs.EnvError) as caught:
            envs.make("forage", senses=["camera"])
        assert str(caught.value).startswith("sense 'camera': no pictures: ")
        assert text in str(caught.value)


def test_a_gl_that_is_not_installed_spoils_only_pictures() -> None:
    """MuJoCo itself cannot be imported with such a MUJOCO_GL."""
    if rendering._works("osmesa"):
        pytest.skip("OSMesa is installed")
    code = """
import envs
assert envs.make("forage").batch == 1
try:
    envs.make("forage", senses=["camera"])
except envs.EnvError as error:
    print(error)
"""
    setting = {**os.environ, "MUJOCO_GL": "osmesa"}
    done = subprocess.run([sys.executable, "-c", code], env=setting, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "no OpenGL draws here (tried osmesa, which MUJOCO_GL=osmesa asks for). Install EGL or" in done.stdout


def test_a_broken_gl_ends_no_process() -> None:
    assert not rendering._works("nonsense")


BLIND = """<mujoco><worldbody><body name="b"><freejoint/><geom name="g" size="0.05"/>{}</body></worldbody>
<actuator><motor name="m" site="s" gear="1 0 0 0 0 0"/></actuator></mujoco>"""


@needs_gl
def test_which_camera(tmp_path: Path) -> None:
    def make(cameras: str, **options: Any) -> Any:
        file = tmp_path / "body.xml"
        file.write_text(BLIND.format('<site name="s"/>' + cameras))
        return envs.make("forage", body={"kind": "mjcf", "path": str(file)}, senses={"camera": options})

    with pytest.raises(envs.EnvError, match=r"this body has no camera. Put <camera name=\"eye\"/> into its MJCF"):
        make("")
    two = '<camera name="left"/><camera name="right"/>'
    with pytest.raises(envs.EnvError, match=r"the body has several, left, right. Choose one: "):
        make(two)
    with pytest.raises(envs.EnvError, match=r"no camera of this body 'rigth'. Did you mean 'right'\? Choices: left"):
        make(two, camera="rigth")
    make(two, camera="right")
    make('<camera name="any"/>')


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"mode": "RGB"}, "no choice of camera.mode 'RGB'."),
        ({"mode": "dept"}, "Did you mean 'depth'? Choices: depth, rgb, segmentation"),
        ({"width": 0}, "camera.width is 0; 1 to 1024 pixels are wanted, such as 64."),
    ],
)
def test_mistakes(options: dict[str, Any], text: str) -> None:
    with pytest.raises(envs.EnvError) as caught:
        envs.make("forage", senses={"camera": options})
    assert text in str(caught.value)


@needs_gl
def test_leaves_quietly() -> None:
    """OpenGL is cleared up in its own thread, before its library is unloaded."""
    code = """
import mujoco
from envs import rendering
model = mujoco.MjModel.from_xml_string('<mujoco><worldbody><geom size="1"/></worldbody></mujoco>')
kept, dropped = rendering.Renderer(model, 8, 8), rendering.Renderer(model, 8, 8)
kept.draw(lambda easel: easel.rgb(mujoco.MjvCamera()))
del dropped
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


@needs_gl
def test_a_scene_without_parts() -> None:
    made = scene(no_things(), "plain")
    model = arena.compiled(Roller().mjcf(), PartCounts(), visual=True)
    picture = _drawer(model, Camera("segmentation", WIDTH, HEIGHT))(np.zeros(3), made, arena.parts(made))
    assert picture[MIDDLE][CLASSES.index("wall")] == 1
