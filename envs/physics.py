"""One stepping interface for all engines: stateless, batched, the same reads at the same moment.

An engine advances the body by one control step. The engine's state is a pytree that goes in and comes out; what the
rest of the world may know of it is `Physics`. All reads are fresh, that is of the state after the last substep:
positions, velocities and the sensors that follow from them. Sensors of forces (touch, accelerometers) are those of the
last substep, since a force belongs to a substep and not to a state; they read 0 where an episode starts. An engine
made with `Reads(..., current=False)` leaves derived fields as `mj_step` does, of the state before the last substep.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

EngineState = Any


class Parts(NamedTuple):
    """The movable parts of the arena, P of them, as the task's state has them; the batch axis in front."""

    position: jax.Array  # [P, 3], m
    quaternion: jax.Array  # [P, 4]
    size: jax.Array  # [P, 3], MuJoCo's geom size, m


class Fresh(NamedTuple):
    """Where a body starts."""

    qpos: jax.Array  # [nq]
    qvel: jax.Array  # [nv]


class Physics(NamedTuple):
    """What is read of the physics after a control step; floats of JAX's default width."""

    qpos: jax.Array  # [nq]
    qvel: jax.Array  # [nv]
    sensordata: jax.Array  # [nsensordata]
    reads: dict[str, jax.Array] = {}  # further fields of MjData that the engine was asked for


def nothing(model: mujoco.MjModel, *leading: int) -> Physics:
    """Zeros in place of a reading, `[*leading, ...]`."""
    qpos, qvel, sensordata = (jnp.zeros((*leading, size)) for size in (model.nq, model.nv, model.nsensordata))
    return Physics(qpos, qvel, sensordata)


class Reads(NamedTuple):
    """What an engine returns beside positions, velocities and sensors."""

    fields: tuple[str, ...] = ()  # of MjData, by name
    current: bool = True  # of the state after the step, rather than as mj_step leaves them


CURRENT = Reads()


class Engine(Protocol):
    """A simulator of one model."""

    model: mujoco.MjModel

    def __init__(
        self, model: mujoco.MjModel, part_names: list[str], substeps: int, threads: int, reads: Reads = CURRENT
    ) -> None: ...

    @classmethod
    def refusal(cls) -> str:
        """Why this machine or installation cannot run it; empty where it can. Asked before anything is built."""
        ...

    def initial(self, batch: int) -> EngineState:
        """A state whose every environment has yet to be started by `step` with `done`."""
        ...

    def step(
        self, state: EngineState, ctrl: jax.Array, parts: Parts, done: jax.Array, fresh: Fresh
    ) -> tuple[EngineState, Physics, jax.Array]:
        """One control step of all environments: `-> (state, physics, bad)`.

        Where `done` (`[B]` bool) holds, the body is put at `fresh` and not moved. `bad` (`[B]` bool) says that the
        physics of an environment failed (not finite, or the simulator gave up): its other results mean nothing.
        """
        ...


def force_columns(model: mujoco.MjModel) -> np.ndarray:
    """`[nsensordata]` bool: which sensor readings are of forces or accelerations."""
    columns = np.zeros(model.nsensordata, bool)
    for stage, start, size in zip(model.sensor_needstage, model.sensor_adr, model.sensor_dim, strict=True):
        columns[start : start + size] = stage == mujoco.mjtStage.mjSTAGE_ACC
    return columns


def part_geoms(model: mujoco.MjModel, names: list[str]) -> np.ndarray:
    """`[P]` int: the solid geom of every part."""
    return np.array([model.geom(name).id for name in names], int)
