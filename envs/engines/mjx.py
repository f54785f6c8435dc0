"""Engine `mjx`: MuJoCo in JAX, for TPUs; the same calculation on any device, in float32."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import mujoco

from envs.physics import CURRENT, Fresh, Parts, Physics, Reads, force_columns, part_geoms

_EXTERNAL = "cfrc_ext"
_LARGE = 1e10  # MuJoCo's own bound for a sane position or velocity


@contextlib.contextmanager
def silently() -> Iterator[None]:
    """Without what mjx prints on being imported, such as remarks on missing optional engines."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


class Mjx:
    """MuJoCo in JAX; the device runs all environments at once, so `threads` has no meaning."""

    implementation: ClassVar[str] = "jax"  # of mjx, which has several behind one interface

    def __init__(
        self, model: mujoco.MjModel, part_names: list[str], substeps: int, threads: int, reads: Reads = CURRENT
    ) -> None:
        del threads
        self.model, self._reads = model, reads
        with silently():  # imported when first needed: it takes a second
            from mujoco import mjx
        self._mjx = mjx
        self._on_device = self._mjx.put_model(model, impl=self.implementation)
        self._geoms = part_geoms(model, part_names)
        self._forces = force_columns(model)
        self._substeps = substeps

    @classmethod
    def refusal(cls) -> str:
        """It runs wherever JAX does."""
        return ""

    def initial(self, batch: int) -> dict[str, jax.Array]:
        model = self.model
        sizes = {"qpos": model.nq, "qvel": model.nv, "act": model.na, "qacc_warmstart": model.nv}
        return {name: jnp.zeros((batch, size)) for name, size in sizes.items()}

    def step(
        self, state: dict[str, jax.Array], ctrl: jax.Array, parts: Parts, done: jax.Array, fresh: Fresh
    ) -> tuple[dict[str, jax.Array], Physics, jax.Array]:
        return jax.vmap(partial(self._advance, self._blank(len(done))))(state, ctrl, parts, done, fresh)

    def _blank(self, batch: int) -> Any:
        """One simulation's data for a program of so many environments."""
        del batch
        return self._mjx.make_data(self.model, impl=self.implementation)

    def _advance(
        self,
        blank: Any,
        state: dict[str, jax.Array],
        ctrl: jax.Array,
        parts: Parts,
        done: jax.Array,
        fresh: Fresh,
    ) -> tuple[dict[str, jax.Array], Physics, jax.Array]:
        """One environment."""
        sizes = jnp.asarray(self._on_device.geom_size).at[self._geoms].set(parts.size)
        model = self._on_device.replace(geom_size=sizes)
        data = blank.replace(ctrl=ctrl, mocap_pos=parts.position, mocap_quat=parts.quaternion, **state)
        data, _ = jax.lax.scan(lambda now, _: (self._mjx.step(model, now), None), data, None, self._substeps)
        started = {name: jnp.zeros_like(array) for name, array in state.items()} | fresh._asdict()
        failed = self._failed(data)
        moved = {name: jnp.where(done, started[name], getattr(data, name)) for name in state}
        forces = jnp.where(done, 0.0, data.sensordata) if self._forces.any() else data.sensordata
        if self._reads.current and not self._forces.all():
            data = self._refreshed(model, data.replace(**moved))
        sensordata = jnp.where(self._forces, forces, data.sensordata)
        physics = Physics(moved["qpos"], moved["qvel"], sensordata, self._fields(model, data, moved, done))
        sane = jax.tree.map(lambda array: jnp.all(jnp.abs(array) < _LARGE), (moved, sensordata))  # false for NaN
        return moved, physics, failed | ~jnp.stack(jax.tree.leaves(sane)).all()

    def _failed(self, data: Any) -> jax.Array:
        """Whether the simulator itself says that its result is wrong; this one never does."""
        del data
        return jnp.zeros((), bool)

    def _fields(self, model: Any, data: Any, moved: dict[str, jax.Array], done: jax.Array) -> dict[str, jax.Array]:
        """The fields asked for: where an episode starts, of that state; forces from outside read 0 there."""
        mjx, names = self._mjx, self._reads.fields
        if not names:
            return {}
        after = mjx.rne_postconstraint(model, data) if _EXTERNAL in names else data
        start = mjx.forward(model, data.replace(**moved))
        start = start.replace(cfrc_ext=jnp.zeros_like(start.cfrc_ext)) if _EXTERNAL in names else start
        return {name: jnp.where(done, getattr(start, name), getattr(after, name)) for name in names}

    def _refreshed(self, model: Any, data: Any) -> Any:
        """Sensors of positions and velocities at the present state; after `mjx.step` they are one substep old."""
        mjx = self._mjx
        data = mjx.sensor_pos(model, mjx.fwd_position(model, data))
        return mjx.sensor_vel(model, mjx.fwd_velocity(model, data))
