"""Shapes for drawing: right places, sizes and colours, the same list at every time."""

from __future__ import annotations

import jax
import numpy as np

from envs.scene import COLOURS
from tests.envs.conftest import Rig


def test_geoms_of_an_environment(rig: Rig) -> None:
    state, _ = rig.reset(jax.random.key(0))
    row = jax.tree.map(lambda leaf: np.asarray(leaf)[1], state)
    geoms = {geom.name: geom for geom in rig.env.geoms(row)}
    places = np.asarray(rig.env.scene(state).things.position)[1]
    for index in range(6):
        for half in ("low", "high"):
            thing = geoms[f"thing{index}_{half}"]
            np.testing.assert_allclose(thing.position[:2], places[index], atol=1e-6)
            np.testing.assert_allclose(thing.rgba[:3], COLOURS["green" if index < 3 else "red"], atol=1e-6)
            assert thing.type == "cylinder"
            assert thing.rgba[3] == 1.0
            np.testing.assert_allclose(thing.size[0], 0.1, atol=1e-6)
    qpos = np.asarray(rig.env.qpos(state))[1]
    np.testing.assert_allclose(geoms["body/roller_shell"].position[:2], qpos[:2], atol=1e-6)
    eye = np.array(geoms["body/roller_eye"].position[:2]) - qpos[:2]
    np.testing.assert_allclose(np.arctan2(eye[1], eye[0]), qpos[2], atol=1e-5)
    assert {"floor", "wall_east_seen"} <= set(geoms)
    assert "wall_east" not in geoms
    state, _ = rig.step(state, rig.actions(1)[0])
    later = rig.env.geoms(jax.tree.map(lambda leaf: np.asarray(leaf)[1], state))
    assert [geom.name for geom in later] == list(geoms)


def test_mocap_is_what_the_engine_is_given(rig: Rig) -> None:
    state, _ = rig.reset(jax.random.key(0))
    parts = rig.env.mocap(state)
    assert parts.position.shape == (rig.env.batch, rig.env.model.nmocap, 3)
    np.testing.assert_allclose(parts.position[:, :, :2], rig.env.scene(state).things.position)
    np.testing.assert_allclose(np.linalg.norm(parts.quaternion, axis=-1), 1.0, atol=1e-6)
