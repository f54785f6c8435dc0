"""A batch over several devices: each has its own simulations, and the numbers are those of one device."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import pytest

import envs
from envs import sharded
from envs.engines.c import C

TWO = """
import sys
import jax, numpy as np, envs
assert len(jax.devices()) == 2

task, engine, sizes = sys.argv[1], sys.argv[2], []
def rolled(devices):
    env = envs.make(task, batch=8, engine=engine, threads=1, devices=devices)
    if engine == "c":
        make = env.engine._worker
        env.engine._worker = lambda size: sizes.append(size) or make(size)
    actions = np.random.default_rng(0).uniform(-1, 1, (12, 8, *env.action_space.shape)).astype(np.float32)
    life = jax.jit(lambda key, actions: jax.lax.scan(env.step, env.reset(key)[0], actions))
    return life(jax.random.key(0), actions)

one, both = jax.block_until_ready((rolled(1), rolled(2)))
assert engine != "c" or (sizes[0] == 8 and set(sizes[1:]) == {4}), sizes
assert [s.data.shape[0] for s in both[0].physics.qpos.addressable_shards] == [4, 4]
assert {s.device.id for s in both[0].physics.qpos.addressable_shards} == {0, 1}
assert [s.data.shape[1] for s in both[1].reward.addressable_shards] == [4, 4], "all else follows"
for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(both), strict=True):
    np.testing.assert_array_equal(a, b)
assert float(np.ptp(one[0].physics.qpos)) > 0.1
"""


def on_two_devices(code: str, *arguments: str) -> None:
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, env=os.environ | flags, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize(
    ("task", "engine"),
    [("forage", "c"), ("ant", "c"), pytest.param("forage", "mjx", marks=pytest.mark.slow)],
)
def test_two_devices_do_what_one_does(task: str, engine: str) -> None:
    """Bit for bit; each device holds and steps half of the environments."""
    on_two_devices(TWO, task, engine)


def test_calls_that_overlap_have_a_batch_each() -> None:
    env: Any = envs.make("forage", engine="c", threads=1)
    engine: C = env.engine
    with engine._borrowed(4) as one, engine._borrowed(4) as two:
        assert one.batch is not two.batch
    with engine._borrowed(4) as again:
        assert again.batch in (one.batch, two.batch), "they are used again"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"devices": 0}, "devices is 0; a positive whole number of JAX devices is wanted, for example 1."),
        ({"devices": 2}, "devices is 2, but JAX has 1 here (cpu). Take at most 1; on a CPU, XLA_FLAGS=--xla_force"),
    ],
)
def test_mistakes(options: dict[str, Any], text: str) -> None:
    with pytest.raises(envs.EnvError, match=re.escape(text)):
        envs.make("forage", batch=8, **options)


def test_shares_are_even(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharded.jax, "devices", lambda: ["device"] * 4)
    monkeypatch.setattr(sharded.os, "cpu_count", lambda: 6)
    text = "devices is 4, which cannot share 10 environments evenly. Take 8 or 12 environments."
    with pytest.raises(envs.EnvError, match=re.escape(text)):
        sharded.check(4, 10)
    with pytest.raises(envs.EnvError, match=re.escape("Take 4 environments.")):
        sharded.check(4, 2)
    assert [sharded.most(n, batch) for n, batch in ((8, 16), (4, 10), (3, 7), (1, 8))] == [4, 2, 1, 1]
    assert [sharded.threads_each(*given) for given in ((0, 1), (0, 4), (0, 9), (3, 4))] == [0, 1, 1, 3]


TRAINED = """
import sys
import jax
from pathlib import Path
from experiments.config import composed, experiment
from experiments.run import Run

sizes, rows = [], []
for devices in (1, 2):
    small = ["learning.environments=8", "learning.steps=4", "learning.minibatches=2", "learning.epochs=1"]
    run = Run(Path(), experiment(composed(["agent=gru", "env.threads=1", f"env.devices={devices}", *small])))
    learner = jax.jit(run.ppo.init)(jax.random.key(0))
    learner, row = jax.jit(run.ppo.update)(learner)
    sizes.append(len(learner.life.world.physics.qpos.addressable_shards))
    rows.append({name: float(value) for name, value in row.items() if name != "fault"})
assert sizes == [1, 2], sizes
for name, value in rows[0].items():
    assert abs(value - rows[1][name]) <= 1e-4 * max(1.0, abs(value)), (name, value, rows[1][name])
"""


@pytest.mark.slow
def test_training_on_two_devices_learns_what_one_does() -> None:
    """The same update but for the order of sums."""
    on_two_devices(TRAINED)
