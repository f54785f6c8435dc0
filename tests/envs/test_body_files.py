"""Bodies from files of MJCF: what is found in them, and what is said of mistakes in them and in options."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import envs
from tests.envs.conftest import SLED

POINTER = """<mujoco>
  <worldbody>
    <body name="pointer" pos="0 -0.5 0.1">
      <joint axis="0 0 1" damping="0.1"/>
      <geom type="capsule" size="0.02" fromto="0 0 0 0.5 0 0" mass="0.2"/>
      <body name="tip" pos="0.5 0 0"><geom size="0.04" mass="0.1"/></body>
    </body>
  </worldbody>
  <actuator><motor joint="" gear="1"/></actuator>
</mujoco>""".replace("<joint ", '<joint name="turn" ').replace('joint=""', 'joint="turn"')


def test_file_is_described(sled: Path) -> None:
    found = envs.describe({"kind": "mjcf", "path": str(sled)})
    assert found.joints == ("number 0 (free)", "wag (hinge, -1.05..1.05 rad)")
    assert found.actuators == ("thrust", "wag")
    assert found.touch == ("nose",)
    assert found.cameras == ("eye",)
    np.testing.assert_allclose(found.mass, 1.05)
    assert found.actions == 2
    assert 0.1 < found.radius < 0.15
    assert "touch: nose\n  cameras: eye" in str(found)
    assert "hip_4, ankle_4, hip_1" in str(envs.describe("ant"))


def test_file_of_a_fixed_arm(tmp_path: Path) -> None:
    (tmp_path / "pointer.xml").write_text(POINTER)
    env = envs.make("forage", body={"kind": "mjcf", "path": str(tmp_path / "pointer.xml"), "part": "tip"}, senses=[])
    state, _ = jax.jit(env.reset)(jax.random.key(0))
    pose = env.pose(state)
    way = np.asarray(pose.position[0]) - (0, -0.5)
    np.testing.assert_allclose(np.linalg.norm(way), 0.5, atol=1e-5)
    np.testing.assert_allclose(pose.heading[0], state.start.heading[0], atol=1e-5)


BAD_FILES = {
    "syntax.xml": (
        "<mujoco>\n<worldbody>\n<bdy/>\n</worldbody>\n</mujoco>",
        "unrecognized element Element 'bdy', line 3",
    ),
    "weightless.xml": ("<mujoco>\n<worldbody>\n<body><joint/></body></worldbody></mujoco>", "larger than mjMINVAL"),
    "open.xml": ("<mujoco>\n<worldbody>\n<body>", "Line number=3"),
    "still.xml": ("<mujoco><worldbody><body><geom size='1'/></body></worldbody></mujoco>", "nothing in it moves. Give"),
    "lame.xml": (SLED[: SLED.index("<actuator>")] + "</mujoco>", "it has no actuators. Add <actuator>"),
    "large.xml": (SLED.replace("0.06 0.04 0.05", "0.6 0.4 0.05"), "m in radius, but the arena has room for 0.5 m."),
    "odd.xml": (
        SLED.replace("0.005", "0.004"),
        "a physics step of 0.004 s does not divide the control step, 0.05 s.",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files(tmp_path: Path, name: str) -> None:
    text, words = BAD_FILES[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(envs.EnvError, match=re.escape(words)) as caught:
        envs.make("forage", body={"kind": "mjcf", "path": str(tmp_path / name)})
    assert "\n" not in str(caught.value)
    assert name in str(caught.value) or "odd" in name


MISTAKES: list[tuple[Any, str]] = [
    ("mjcf", "env.body: kind mjcf needs a file. Write env.body={kind: mjcf, path: my/body.xml}."),
    ({"kind": "mjcf", "path": "sledd.xml"}, "there is no file 'sledd.xml'. Did you mean 'sled.xml'? Paths start at"),
    ({"kind": "mjcf", "path": "sled.xml", "part": "tial"}, "'tial'. Did you mean 'tail'?"),
    ({"kind": "car", "grop": 1.0}, "no option of car 'grop'. Did you mean 'grip'?"),
    ({"kind": "car", "changes": {"nois": 1.0}}, "no option of changes 'nois'. Did you mean 'noise'? Choices: delay,"),
    ({"kind": "car", "changes": 3}, "env.body.changes is 3; a mapping such as {mass: 1.5, delay: 1} is wanted."),
    ({"kind": "car", "changes": {"mass": -1}}, "env.body.changes.mass is -1.0; a positive factor is wanted, such as"),
    ({"kind": "car", "changes": {"noise": -1}}, "env.body.changes.noise is -1.0; a deviation of at least 0 is wanted."),
    ({"kind": "car", "changes": {"delay": 0.5}}, "changes.delay: 0.5 is a float, but a int is wanted"),
    ({"kind": "car", "changes": {"delay": 101}}, "env.body.changes.delay is 101 decisions; at most 100 (10 s)"),
    ({"kind": "car", "changes": {"mass": 2, "kilograms": 2}}, "both mass and kilograms. Give the factor or"),
]


@pytest.mark.parametrize(("body", "text"), MISTAKES, ids=[text[:40] for _, text in MISTAKES])
def test_mistakes(sled: Path, monkeypatch: pytest.MonkeyPatch, body: Any, text: str) -> None:
    monkeypatch.chdir(sled.parent)
    with pytest.raises(envs.EnvError, match=re.escape(text)):
        envs.make("forage", body=body)
