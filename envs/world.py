"""The world: a task, a body, senses and an engine as one batch of environments, pure and jittable.

One decision (10 Hz) is `ACTION_REPEAT` control steps (20 Hz) of `arena.SUBSTEPS` physics steps (100 Hz). A new episode
starts inside `step`, in exactly one place; `reset` is that same step from a blank state.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from envs import arena
from envs.base import TimeStep, check_action
from envs.changes import Changes
from envs.imperfect import labels
from envs.moment import Body, Fixed, Moment, Outcome, Sense, Task, sentences
from envs.physics import Engine, Parts, Physics, nothing
from envs.scene import Pose, Scene, Start

ACTION_REPEAT = 2
DECISION_SECONDS = ACTION_REPEAT * arena.CONTROL_SECONDS
_RESET = 1 << 16  # folded into a key for a new episode, apart from the numbers of control steps
_SENSES = 1 << 17  # folded into a key for the senses
_BEYOND = 0.05  # m behind a wall's surface, more than any push presses a body into it
_HEIGHTS = (-0.25, 2.0)  # m, between which the frame of a free body stays


class WorldState(NamedTuple):
    """Everything that evolves; plain arrays with the leading axis B."""

    key: jax.Array  # [B, 2] uint32, one random stream per environment
    count: jax.Array  # [B] uint32, decisions made, the place in that stream
    engine: Any
    physics: Physics
    task: Any
    senses: tuple[Any, ...]
    motor: jax.Array  # [B, delay, A], commands on their way to the muscles
    start: Start  # where the body is put next, where `move` holds
    move: jax.Array  # [B] bool
    last: jax.Array  # [B] bool, the next step starts a new episode


class _Tick(NamedTuple):
    """What evolves between the control steps of one decision."""

    engine: Any
    physics: Physics
    task: Any
    start: Start
    move: jax.Array
    terms: dict[str, jax.Array]
    ended: jax.Array
    cut_off: jax.Array
    bad: jax.Array


def select(where: jax.Array, then: Any, otherwise: Any) -> Any:
    """Per environment, one pytree or the other; `where` is `[B]` bool."""
    return jax.tree.map(lambda a, b: jnp.where(where.reshape(where.shape + (1,) * (b.ndim - 1)), a, b), then, otherwise)


class World:
    """A batch of environments; satisfies `envs.base.Env`. Build it with `envs.make`."""

    def __init__(
        self,
        name: str,
        task: Task,
        body: Body,
        senses: Sequence[Sense],
        engine: Engine,
        batch: int,
        changes: Changes = Changes(),  # noqa: B008 -- frozen
    ) -> None:
        self.name, self.task, self.body, self.engine, self.batch = name, task, body, engine, batch
        self.senses, self.changes = tuple(senses), changes
        self.model = arena.compiled(changes.mjcf(body.mjcf()), task.parts, visual=True)
        self.seconds = DECISION_SECONDS
        self.fixed = Fixed(body, engine.model, body.actions + 1, DECISION_SECONDS, sentences(task), self.model)
        self.labels = {sense.key: said for sense in self.senses if (said := labels(sense, self.fixed))}
        self._free = engine.model.njnt > 0 and engine.model.jnt_type[0] == mujoco.mjtJoint.mjJNT_FREE
        self.observation_space = gymnasium.spaces.Dict({s.key: s.space(self.fixed) for s in self.senses})
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (self.fixed.actions,), np.float32)

    def reset(self, key: jax.Array) -> tuple[WorldState, TimeStep]:
        """Starts every environment. Environment i has its own stream of random numbers, whatever the batch."""
        return self.step(self.blank(key), jnp.zeros((self.batch, self.fixed.actions)))

    def step(self, state: WorldState, action: jax.Array) -> tuple[WorldState, TimeStep]:
        """One decision; `action` `[B, A]` is clipped to -1..1. A NaN in it counts as failed physics."""
        check_action(self.name, self, action)
        first = state.last
        action = jnp.where(first[:, None], 0.0, jnp.clip(action, -1.0, 1.0))
        keys = jax.vmap(jax.random.fold_in)(jax.random.wrap_key_data(state.key), state.count)
        tick = self._begin(state, first, keys)
        motor, executed = self.changes(state.motor, action, first, keys)
        for number in range(ACTION_REPEAT):
            tick = self._control(tick, executed, first, jax.vmap(jax.random.fold_in, (0, None))(keys, number))
        last = tick.ended | tick.cut_off | tick.bad
        reward = sum(tick.terms.values(), jnp.zeros(self.batch))
        senses, observation = self._sense(state.senses, tick, jnp.nan_to_num(action), reward, first, keys)
        step = TimeStep(observation, reward, tick.terms, 1.0 - tick.ended, first, last, tick.bad)
        return WorldState(
            state.key,
            state.count + jnp.uint32(1),
            tick.engine,
            tick.physics,
            tick.task,
            senses,
            motor,
            tick.start,
            tick.move & ~first,
            last,
        ), step

    def pose(self, state: WorldState) -> Pose:
        """Place and motion of the bodies, `[B, ...]`."""
        return jax.vmap(self.body.pose)(state.physics)

    def scene(self, state: WorldState) -> Scene:
        """What there is to see: positions, colours, shapes, `[B, ...]`."""
        return jax.vmap(self.task.scene)(state.task)

    def qpos(self, state: WorldState) -> jax.Array:
        """`[B, nq]` generalised positions, for `self.model`."""
        return state.physics.qpos

    def mocap(self, state: WorldState) -> Parts:
        """Poses and sizes of the movable parts, `[B, P, ...]`, in the order of `arena.part_names`."""
        return jax.vmap(lambda task: arena.parts(self.task.scene(task)))(state.task)

    def geoms(self, row: Any) -> Any:
        """Every visible shape of one environment, for drawing; `row` is its part of the state (see `envs.drawing`)."""
        from envs.drawing import geoms

        return geoms(self, row)

    def blank(self, key: jax.Array) -> WorldState:
        """A state in which every environment has an episode just behind it, so that `step` starts a new one."""
        streams = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(self.batch, dtype=jnp.uint32))
        keys = jax.random.key_data(streams)
        task, start = jax.eval_shape(self._draw, keys)
        batch = self.batch
        zeros = lambda tree: jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), tree)  # noqa: E731
        physics = nothing(self.engine.model, batch)
        return WorldState(
            keys,
            jnp.zeros(batch, jnp.uint32),
            self.engine.initial(batch),
            physics,
            zeros(task),
            self._sense_start(),
            self.changes.initial(batch, self.fixed.actions),
            zeros(start),
            jnp.zeros(batch, bool),
            jnp.ones(batch, bool),
        )

    def _draw(self, keys: jax.Array) -> tuple[Any, Start]:
        """New episodes for the whole batch from raw keys `[B, 2]`."""
        return jax.vmap(lambda key: self.task.reset(jax.random.wrap_key_data(key), self.body))(keys)

    def _begin(self, state: WorldState, first: jax.Array, keys: jax.Array) -> _Tick:
        """The state before the first control step, with new episodes in it where the last step was the last.

        Episodes are drawn only at steps where some environment needs one.
        """
        held = (state.task, state.start)
        new_keys = jax.random.key_data(jax.vmap(jax.random.fold_in, (0, None))(keys, _RESET))
        task, start = jax.lax.cond(first.any(), lambda: select(first, self._draw(new_keys), held), lambda: held)
        none = jnp.zeros(self.batch, bool)
        terms = {name: jnp.zeros(self.batch) for name in self.task.terms}
        return _Tick(state.engine, state.physics, task, start, state.move | first, terms, none, none, none)

    def _control(self, tick: _Tick, action: jax.Array, first: jax.Array, keys: jax.Array) -> _Tick:
        """One control step. What ended earlier in this decision is held; what just began stands still."""
        fresh = jax.vmap(self.body.start)(tick.start)
        ctrl = jax.vmap(self.body.control)(action[:, :-1], tick.physics)
        broken = ~jnp.isfinite(ctrl).all(-1)
        ctrl = jnp.where((broken | tick.move)[:, None], 0.0, ctrl)
        parts = jax.vmap(lambda task: arena.parts(self.task.scene(task)))(tick.task)
        engine, physics, failed = self.engine.step(tick.engine, ctrl, parts, tick.move, fresh)
        held = tick.ended | tick.cut_off | tick.bad
        bad = ~held & (failed | broken | jax.vmap(self._astray)(physics))
        held |= bad
        live = ~held & ~first
        engine, physics = select(held, (tick.engine, tick.physics), (engine, physics))
        outcome: Outcome = jax.vmap(
            lambda task, body, act, key: self.task.step(task, self.body.pose(body), body, act, key, self.body)
        )(tick.task, physics, action, keys)
        move = first if outcome.move is None else select(live, outcome.move, tick.move)
        start = tick.start if outcome.start is None else select(live, outcome.start, tick.start)
        terms = {name: tick.terms[name] + jnp.where(live, outcome.terms[name], 0.0) for name in self.task.terms}
        return _Tick(
            engine,
            physics,
            select(live, outcome.state, tick.task),
            start,
            move,
            terms,
            tick.ended | (live & outcome.ended),
            tick.cut_off | (live & outcome.cut_off),
            tick.bad | bad,
        )

    def _astray(self, physics: Physics) -> jax.Array:
        """Whether the body is where the arena is not: behind a wall, under the floor, or high in the air."""
        inside = arena.inside(self.body.pose(physics).position, -_BEYOND)  # false for NaN
        if self._free:
            low, high = _HEIGHTS
            inside &= (low < physics.qpos[2]) & (physics.qpos[2] < high)
        return ~inside

    def _sense_start(self) -> tuple[Any, ...]:
        one = tuple(sense.initial(self.fixed) for sense in self.senses)
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (self.batch, *jnp.shape(leaf))), one)

    def _sense(
        self,
        states: tuple[Any, ...],
        tick: _Tick,
        action: jax.Array,
        reward: jax.Array,
        first: jax.Array,
        keys: jax.Array,
    ) -> tuple[tuple[Any, ...], dict[str, jax.Array]]:
        """What every sense reads. Its random key follows from its name: other senses do not change its noise."""
        fold = jax.vmap(jax.random.fold_in, (0, None))
        states = select(first, self._sense_start(), states)
        pose, scene = jax.vmap(self.body.pose)(tick.physics), jax.vmap(self.task.scene)(tick.task)
        moment = Moment(pose, scene, tick.physics, action, reward, tick.terms, first, fold(keys, _SENSES))
        after, observation = [], {}
        for sense, state in zip(self.senses, states, strict=True):
            own = moment._replace(key=fold(moment.key, zlib.crc32(sense.key.encode())))
            state, reading = jax.vmap(lambda s, m, sense=sense: sense(self.fixed, s, m))(state, own)
            after.append(state)
            observation[sense.key] = reading
        return tuple(after), observation
