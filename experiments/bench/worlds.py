"""`bench worlds`: Ant under random actions through our layer, beside raw MuJoCo, EnvPool and Gymnasium's vectors."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import mujoco
import numpy as np
from mujoco.batch import Batch

import envs
from envs.plant import load
from experiments.bench.timing import peer
from experiments.run import circumstances

BATCH, FEW, STEPS = 256, 16, 100  # environments; in processes of their own or in Python; steps of each in a turn
WARM = 400  # steps of each environment before the first turn
Stepper = tuple[Callable[[], Any], int]
"""Takes some steps, and how many steps of one environment those are."""


def bench(turns: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Steps per CPU-second of all processes, medians over alternating turns; 105 numbers are observed in each."""
    peer("envpool")
    contestants: dict[str, Stepper] = {
        "ours": ours(),
        "mujoco.batch.Batch": raw(),
        "EnvPool": envpool(),
        "SyncVectorEnv": gymnasium_vector("sync"),
        "AsyncVectorEnv": gymnasium_vector("async"),
    }
    say(f"{WARM} steps first, until the ants lie as they do in the long run ...")
    for step, _ in contestants.values():
        for _ in range(WARM // STEPS):
            step()
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(turns):
        for name, (step, units) in contestants.items():
            before = cpu_seconds()
            step()
            rates[name].append(units / (cpu_seconds() - before))
        say(f"turn {turn + 1}: " + ", ".join(f"{name} {found[-1]:,.0f}" for name, found in rates.items()))
    middle = {name: statistics.median(found) for name, found in rates.items()}
    ratios = {
        f"ours / {name}": statistics.median(a / b for a, b in zip(rates["ours"], found, strict=True))
        for name, found in rates.items()
        if name != "ours"
    }
    return {"per_cpu_second": middle, "ratios": ratios, "turns": turns, "measured": circumstances()}


def cpu_seconds() -> float:
    """CPU time of this process and of its living children, s."""
    ticks = 0
    for child in multiprocessing.active_children():
        fields = Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def ours() -> Stepper:
    """The closed program: physics, observation, reward, ends and new episodes."""
    env = envs.make("ant", batch=BATCH)
    step_env: Any = env.step
    actions = jax.random.uniform(jax.random.key(1), (STEPS, BATCH, 8), minval=-1.0)
    run = jax.jit(lambda state: jax.lax.scan(step_env, state, actions))
    held = [jax.jit(env.reset)(jax.random.key(0))[0]]

    def step() -> None:
        held[0], seen = run(held[0])
        jax.block_until_ready(seen)

    return step, STEPS * BATCH


def raw() -> Stepper:
    """MuJoCo's own batch by hand, in NumPy: the same observation, Gymnasium's ends, and new episodes at rest."""
    model = load("ant.xml")
    batch = Batch(model, BATCH, persistent=True)
    qpos, qvel, contacts = batch.bind("qpos"), batch.bind("qvel"), batch.bind("ncon")
    data, random = mujoco.MjData(model), np.random.default_rng(1)

    def step() -> None:
        for _ in range(STEPS):
            batch.ctrl = random.uniform(-1.0, 1.0, (BATCH, 8))
            batch.step(nstep=5)
            forces = np.zeros((BATCH, model.nbody, 6))
            for index in np.flatnonzero(contacts):
                mujoco.mj_rnePostConstraint(model, batch.get_data(int(index), data))
                forces[index] = data.cfrc_ext
            np.concatenate([qpos[:, 2:], qvel, forces[:, 1:].reshape(BATCH, -1).clip(-1.0, 1.0)], axis=1)
            fallen = (qpos[:, 2] < 0.2) | (qpos[:, 2] > 1.0)
            qpos[fallen], qvel[fallen] = model.qpos0, 0.0

    return step, STEPS * BATCH


def envpool() -> Stepper:
    """EnvPool's Ant-v5 on as many threads as there are processors."""
    import envpool as pool  # pyright: ignore[reportMissingImports]

    worlds = pool.make("Ant-v5", env_type="gymnasium", num_envs=BATCH, num_threads=os.cpu_count())
    return _gymnasium_steps(worlds, BATCH)


def gymnasium_vector(mode: str) -> Stepper:
    """Gymnasium's Ant-v5 in a vector environment of its own."""
    import gymnasium

    return _gymnasium_steps(gymnasium.make_vec("Ant-v5", num_envs=FEW, vectorization_mode=mode), FEW)


def _gymnasium_steps(worlds: Any, number: int) -> Stepper:
    worlds.reset()
    random = np.random.default_rng(1)

    def step() -> None:
        for _ in range(STEPS):
            worlds.step(random.uniform(-1.0, 1.0, (number, 8)))

    return step, STEPS * number
