"""`bench soak`: what it goes through, what it counts, and a small soak of everything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs.base import TimeStep
from experiments.bench import soak
from tests.experiments.test_faults import Command


def test_everything_is_soaked() -> None:
    worlds = soak.worlds()
    assert set(envs.controls()) <= set(worlds)
    arena = [options for options in worlds.values() if "body" in options]
    assert {(o["task"], o["body"]) for o in arena} >= {(t, b) for t in envs.tasks() for b in ("roller", "car", "ant")}
    assert all({"retina", "touch", "sound", "proprioception"} <= set(o["senses"]) for o in arena)


def test_actions_are_extreme() -> None:
    drawn = np.asarray(soak.actions(jax.random.key(0), (4000, 3)))
    assert not np.isnan(drawn).any()
    for part in (np.isinf(drawn).any(-1), (np.abs(drawn) == 1).all(-1), (drawn == 0).all(-1)):
        assert 0.15 < part.mean() < 0.35


class Broken:
    """Environment 0 fails at every decision; 1 shows a number that is none at every second one."""

    batch = 4
    observation_space: Any = None
    action_space = envs.make("reacher").action_space

    def reset(self, key: jax.Array) -> tuple[jax.Array, TimeStep]:
        return self.step(jnp.int32(0), jnp.zeros((4, 2)))

    def step(self, state: jax.Array, action: jax.Array) -> tuple[jax.Array, TimeStep]:
        seen = jnp.where((jnp.arange(4) == 1) & (state % 2 == 0), jnp.nan, 0.0)
        bad, none = jnp.arange(4) == 0, jnp.zeros(4)
        return state + 1, TimeStep({"x": seen[:, None]}, none, {}, none, bad, bad, bad)


def test_faults_and_numbers_that_are_none_are_counted() -> None:
    found = soak.soak(Broken(), 2 * 4 * soak.STRETCH - 1, 0)  # type: ignore[arg-type]
    assert found["decisions"] == 2 * 4 * soak.STRETCH
    assert found["faults"] == found["episodes"] == 2 * soak.STRETCH
    assert found["not_finite"] == soak.STRETCH


def test_overrides_are_refused(scrubjay: Command) -> None:
    said = scrubjay("bench", "soak", "agent=gru")
    assert said.err == "scrubjay bench: bench soak takes no overrides, got 'agent=gru': its job is fixed.\n"


@pytest.mark.slow
def test_soak(scrubjay: Command, tmp_path: Path) -> None:
    """All worlds; `scrubjay bench soak --steps 10000000` is the same for longer."""
    said = scrubjay("bench", "soak", "--steps", "400000", "-o", str(tmp_path / "soak.json"))
    assert said.code == 0
    found = json.loads((tmp_path / "soak.json").read_text())
    assert set(found["worlds"]) == set(soak.worlds())
    assert found["total"]["decisions"] >= 400_000
    assert (found["total"]["faults"], found["total"]["not_finite"]) == (0, 0)
