"""The conspecific: seen, touched and heard where it is, moved as its script says, the same on two engines."""

from __future__ import annotations

import copy
import sys
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

import envs
from envs import arena, drawing
from envs.conspecific import ORANGE, Conspecific, Other, tour, wander
from envs.scene import Start
from tests.envs.conftest import Rig

BATCH = 4
SENSES = ("retina", "touch", "sound", "action")
COMPANY = '''"""An other that comes and goes; the body has nothing to do but look."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from envs.conspecific import Conspecific, Other, tour, wander
from envs.moment import Outcome
from envs.scene import PartCounts, Start, no_things, scene

OTHER = Conspecific()


class CompanyState(NamedTuple):
    other: Other
    time: jax.Array


@dataclass(frozen=True)
class Company:
    come: bool = True
    horizon: int = 200

    metric = "return"
    terms = ()
    parts = PartCounts(others=1)

    def reset(self, key, body):
        other = OTHER.start(Start(jnp.array([0.8, 0.0]), jnp.float32(3.14)))
        return CompanyState(other, jnp.int32(0)), Start(jnp.zeros(2), jnp.float32(0.0))

    def scene(self, state):
        made = scene(no_things(), "plain", sounds=OTHER.sounds(state.other, calling=state.time % 20 >= 18))
        return made._replace(others=OTHER.look(state.other))

    def step(self, state, pose, physics, action, key, body):
        goal = tour(state.other, jnp.zeros((1, 2))) if self.come else wander(state.other, key)
        other = OTHER.step(state.other, goal, pose.position, body.radius)
        time = state.time + 1
        return Outcome(CompanyState(other, time), {}, jnp.bool_(False), time >= self.horizon)

    def scripted(self):
        return {}
'''


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "company.py").write_text(COMPANY)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys.modules["envs.tasks"], "__path__", [*sys.modules["envs.tasks"].__path__, str(folder)])
        yield lambda **options: Rig(envs.make("company", batch=BATCH, senses=SENSES, **options))


def still(rig: Rig, steps: int) -> tuple[list[Any], Any]:
    """States and time steps `[T, ...]` of a body that does nothing."""
    state, _ = rig.reset(jax.random.key(0))
    states, shown = [], []
    for _ in range(steps):
        state, step = rig.step(state, np.zeros((BATCH, 3), np.float32))
        states.append(state)
        shown.append(step)
    return states, jax.tree.map(lambda *leaves: np.stack(leaves), *shown)


def test_it_is_seen_touched_and_heard(company: Any) -> None:
    """It comes straight from 0.8 m ahead, and stops where it meets the body."""
    states, shown = still(rig := company(), 16)
    places = np.array([state.task.other.position[0] for state in states])
    gaps = np.hypot(*(places - np.asarray(rig.env.pose(states[-1]).position)[0]).T) - 0.12
    retina, loud = shown.observation["retina"][:, 0], shown.observation["sound"][:, 0]
    for gap, picture, state in zip(gaps, retina, states, strict=True):
        middle = picture[0, 15:17]  # the low row, straight ahead
        np.testing.assert_allclose(middle[:, :3], [ORANGE] * 2, atol=1e-6)
        np.testing.assert_allclose(-np.log(middle[:, 3]), mujoco_rays(rig, state, middle_angles()), atol=1e-4)
        assert -np.log(middle[0, 3]) == pytest.approx(gap + 0.06, abs=0.02)
        np.testing.assert_array_equal(picture[1, 15:17, :3], np.float32(0.3))  # the high row looks over it
    moving = gaps > 0.05
    assert (np.diff(loud[:, :, 1].sum(-1)[moving]) > 0).all()  # its wheels, louder as it comes
    assert loud[:, :, 3].sum(-1)[8] > 2 * loud[:, :, 3].sum(-1)[7]  # its call
    assert abs(gaps[-1]) < 0.01
    assert not shown.observation["touch"][gaps > 0.005].any()
    state, thrust = states[-1], 0.5 * 1.5 / 0.07
    for _ in range(8):
        state, step = rig.step(state, np.tile(np.float32([0.5, 0.0, 0.0]), (BATCH, 1)))
    force = np.expm1(np.asarray(step.observation["touch"])[0])
    np.testing.assert_allclose(force, [thrust] + [0.0] * 7, rtol=0.05, atol=1e-3)  # it holds against the push


def middle_angles() -> np.ndarray:
    from envs.senses.retina import Retina

    return Retina().angles()[15:17]


def mujoco_rays(rig: Rig, state: Any, angles: np.ndarray) -> np.ndarray:
    """Distances along rays at the low eye, by `mj_multiRay`, from where environment 0 stands."""
    scene = jax.tree.map(lambda leaf: leaf[0], rig.env.scene(state))
    where = jax.tree.map(lambda leaf: np.asarray(leaf[0], float), rig.env.pose(state))
    model = copy.copy(arena.compiled(rig.env.body.mjcf(), rig.env.task.parts, visual=True))
    data = mujoco.MjData(model)
    drawing.dress(model, data, scene)
    mujoco.mj_forward(model, data)
    seen = np.arange(mujoco.mjNGROUP) == arena.VISUAL_GROUP
    turned = angles + where.heading
    rays = np.stack([np.cos(turned), np.sin(turned), np.zeros(len(turned))], -1).reshape(-1)
    geom, distance = np.zeros(len(turned), np.int32), np.zeros(len(turned))
    eye, own = np.array([*where.position, arena.EYE_HEIGHTS[0]]), model.body("body/roller").id
    mujoco.mj_multiRay(model, data, eye, rays, seen.astype(np.uint8), 1, own, geom, distance, None, len(turned), 1e3)
    assert [model.geom(g).name for g in geom] == ["other0_low"] * len(turned)
    return distance


def test_engines_agree(company: Any) -> None:
    """20 control steps beside a wanderer, to 1e-5; it wanders alike for the same seed and otherwise for another."""
    (ours, _), (theirs, _) = (still(company(come=False, engine=engine), 10) for engine in ("c", "mjx"))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.physics.qpos, b.physics.qpos, atol=1e-5)
        np.testing.assert_allclose(a.task.other.position, b.task.other.position, atol=1e-5)
    assert len(np.unique(np.asarray(ours[-1].task.other.position)[:, 0])) == BATCH
    assert np.linalg.norm(np.asarray(ours[-1].task.other.position - ours[0].task.other.position), axis=-1).min() > 0.1


def walked(policy: Any, steps: int, body: tuple[float, float] = (5.0, 5.0)) -> np.ndarray:
    """`[T, 4]`: place, heading and speed."""
    one = Conspecific()

    def step(other: Other, key: jax.Array) -> tuple[Other, jax.Array]:
        other = one.step(other, policy(other, key), jnp.array(body), 0.06)
        return other, jnp.array([*other.position, other.heading, other.speed])

    start = one.start(Start(jnp.zeros(2), jnp.float32(0.0)))
    return np.asarray(jax.lax.scan(step, start, jax.random.split(jax.random.key(1), steps))[1])


def test_it_tours_and_wanders_within_its_powers() -> None:
    places = jnp.array([[0.5, 0.0], [0.5, 0.5]])
    path = walked(lambda other, key: tour(other, places), 60)
    for place in places:
        assert np.hypot(*(path[:, :2] - np.asarray(place)).T).min() <= 0.031
    roaming = walked(wander, 2000)
    for trace in (path, roaming):
        assert np.abs(np.diff(np.unwrap(trace[:, 2]))).max() <= 6.0 * 0.05 + 1e-5
        assert trace[:, 3].max() <= 0.6 + 1e-4
    assert np.abs(roaming[:, :2]).max() <= 0.94
    assert (roaming[:, :2].std(0) > 0.3).all()
    np.testing.assert_array_equal(roaming, walked(wander, 2000))
    blocked = walked(lambda other, key: jnp.array([0.5, 0.0]), 40, body=(0.3, 0.0))
    np.testing.assert_allclose(blocked[-1, 0], 0.18 + 2e-3, atol=1e-5)  # it presses 2 mm
    assert blocked[-1, 3] == 0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"shape": "ston"}, "no choice of conspecific.shape 'ston'. Did you mean 'stone'?"),
        ({"radius": 0.5}, "conspecific.radius is 0.5 m; 0.02 to 0.1 m are wanted."),
        ({"top_speed": 0.0}, "conspecific.top_speed is 0.0; more than 0 is wanted, for example 0.6."),
        ({"call": (1.0,)}, "conspecific.call has 1 levels; 4, one a band, are wanted."),
    ],
)
def test_mistakes(options: dict[str, Any], text: str) -> None:
    with pytest.raises(envs.EnvError) as caught:
        Conspecific(**options)
    assert text in str(caught.value)
