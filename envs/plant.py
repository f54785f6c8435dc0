"""Control tasks without arena or senses: one machine, one observation vector, as in Gymnasium's MuJoCo environments.

Beside the `observation` a brain gets its last `action`, an efference copy, as it does in the arena.

`envs.make("half_cheetah", batch=256)` gives one. The model is read from the XML file that Gymnasium installs.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import gymnasium
import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from envs.base import TimeStep, check_action
from envs.physics import Engine, Fresh, Parts, Physics, Reads, nothing
from envs.world import select


class Control(Protocol):
    """A control task: pure functions of what is read of the physics. A frozen dataclass; its fields are its options.

    Written for one environment; `Plant` maps it over the batch.
    """

    xml: ClassVar[str]  # among Gymnasium's assets
    substeps: ClassVar[int]  # physics steps in a decision
    fields: ClassVar[tuple[str, ...]]  # of MjData that it reads beside qpos and qvel
    terms: ClassVar[tuple[str, ...]]
    horizon: int  # decisions

    def start(self, key: jax.Array, rest: Fresh) -> Fresh:
        """Where an episode starts; `rest` is the pose of the XML."""
        ...

    def observe(self, physics: Physics) -> jax.Array:
        """The observation, `[D]`."""
        ...

    def outcome(
        self, before: Physics, after: Physics, action: jax.Array, seconds: float
    ) -> tuple[dict[str, jax.Array], jax.Array]:
        """Named reward terms, and whether the episode ended for good."""
        ...


class PlantState(NamedTuple):
    """Everything that evolves; plain arrays with the leading axis B."""

    key: jax.Array  # [B, 2] uint32
    count: jax.Array  # [B] uint32, decisions made
    time: jax.Array  # [B] int32, decisions of this episode
    engine: Any
    physics: Physics
    last: jax.Array  # [B] bool, the next step starts a new episode


@lru_cache(maxsize=16)
def load(xml: str) -> mujoco.MjModel:
    """A model of Gymnasium's, by the name of its file."""
    return mujoco.MjModel.from_xml_path(str(Path(gymnasium.__file__).parent / "envs/mujoco/assets" / xml))


class Plant:
    """A batch of environments of a control task; satisfies `envs.base.Env`. Build it with `envs.make`."""

    def __init__(self, name: str, task: Control, engine: Engine, batch: int) -> None:
        self.name, self.task, self.engine, self.batch = name, task, engine, batch
        self.model = engine.model
        self.seconds = self.model.opt.timestep * task.substeps
        self.rest = Fresh(jnp.array(self.model.qpos0), jnp.zeros(self.model.nv))
        row = jax.eval_shape(lambda: task.observe(jax.tree.map(lambda x: x[0], self._nothing(1))))
        real = np.dtype(row.dtype)
        box = gymnasium.spaces.Box(-np.inf, np.inf, row.shape, real)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (self.model.nu,), np.float32)
        copy = gymnasium.spaces.Box(-1.0, 1.0, (self.model.nu,), real)
        self.observation_space = gymnasium.spaces.Dict({"observation": box, "action": copy})

    def reset(self, key: jax.Array) -> tuple[PlantState, TimeStep]:
        """Starts every environment. Environment i has its own stream of random numbers, whatever the batch."""
        streams = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(self.batch, dtype=jnp.uint32))
        zeros, ones = jnp.zeros(self.batch, jnp.int32), jnp.ones(self.batch, bool)
        state = PlantState(
            jax.random.key_data(streams),
            zeros.astype(jnp.uint32),
            zeros,
            self.engine.initial(self.batch),
            self._nothing(self.batch),
            ones,
        )
        return self.step(state, jnp.zeros((self.batch, self.model.nu)))

    def step(self, state: PlantState, action: jax.Array) -> tuple[PlantState, TimeStep]:
        """One decision; `action` `[B, A]` is clipped to -1..1. A NaN in it counts as failed physics."""
        check_action(self.name, self, action)
        first = state.last
        action = jnp.where(first[:, None], 0.0, jnp.clip(action, -1.0, 1.0))
        broken = ~jnp.isfinite(action).all(-1)
        ctrl = jnp.where(broken[:, None], 0.0, action)
        keys = jax.vmap(jax.random.fold_in)(jax.random.wrap_key_data(state.key), state.count)
        fresh = jax.vmap(lambda key: self.task.start(key, self.rest))(keys)
        engine, physics, failed = self.engine.step(state.engine, ctrl, _no_parts(self.batch), first, fresh)
        bad = broken | failed
        engine, physics = select(bad, (state.engine, state.physics), (engine, physics))
        terms, ended = jax.vmap(lambda b, a, act: self.task.outcome(b, a, act, self.seconds))(
            state.physics, physics, ctrl
        )
        live = ~first & ~bad
        terms = {name: jnp.where(live, terms[name], 0.0) for name in self.task.terms}
        ended &= live
        time = jnp.where(first, 0, state.time + 1)
        last = ended | bad | (time >= self.task.horizon)
        observation = {"observation": jax.vmap(self.task.observe)(physics), "action": ctrl}
        reward = sum(terms.values(), jnp.zeros(self.batch))
        step = TimeStep(observation, reward, terms, 1.0 - ended, first, last, bad)
        return PlantState(state.key, state.count + jnp.uint32(1), time, engine, physics, last), step

    def _nothing(self, batch: int) -> Physics:
        data = mujoco.MjData(self.model)
        fields = {name: jnp.zeros((batch, *np.shape(getattr(data, name)))) for name in self.task.fields}
        return nothing(self.model, batch)._replace(reads=fields)


def reads(task: Control) -> Reads:
    """What a control task wants of its engine: as Gymnasium sees it, right after `mj_step`."""
    return Reads(task.fields, current=False)


def uniform_start(key: jax.Array, rest: Fresh, noise: float, normal: bool) -> Fresh:
    """The rest pose with uniform noise on positions, and uniform or normal noise on velocities."""
    places, speeds = jax.random.split(key)
    qpos = rest.qpos + jax.random.uniform(places, rest.qpos.shape, minval=-noise, maxval=noise)
    shape = rest.qvel.shape
    turn = noise * jax.random.normal(speeds, shape) if normal else jax.random.uniform(speeds, shape) * 2 * noise - noise
    return Fresh(qpos, rest.qvel + turn)


def _no_parts(batch: int) -> Parts:
    return Parts(jnp.zeros((batch, 0, 3)), jnp.zeros((batch, 0, 4)), jnp.zeros((batch, 0, 3)))
