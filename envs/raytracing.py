"""Pictures of a whole batch at once: MuJoCo Warp's ray tracer inside the compiled program, for NVIDIA GPUs.

The same kernels run, slowly, on the CPU. Nothing goes through the host, and no OpenGL is needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import mujoco

from envs.arena import SOLID_GROUP
from envs.drawing import dressing
from envs.engines.mjx import silently
from envs.engines.warp import Warp
from envs.physics import Parts
from envs.registry import EnvError
from envs.scene import Scene

_AWAY = -100.0  # m, the height at which a shape is that must not be seen: rays meet what is transparent, too


class Picture(NamedTuple):
    """What one camera sees, the top row first."""

    rgb: jax.Array  # [H, W, 3], 0..1
    depth: jax.Array  # [H, W], m along the camera's axis, `far` where nothing is; through glass
    geom: jax.Array  # [H, W] int32, the shape that is seen, -1 for none; through glass


Tracer = Callable[[jax.Array, Scene, Parts], Picture]


def refusal() -> str:
    """Why nothing can be traced here; empty where it can."""
    return Warp.refusal()


@lru_cache(maxsize=8)
def tracer(model: mujoco.MjModel, camera: int, width: int, height: int, far: float) -> Tracer:
    """A function of one environment, `(qpos [nq], scene, parts) -> Picture`; under vmap all are drawn at once.

    model: with all that is only seen. Raises EnvError where MuJoCo Warp cannot run.
    """
    if why := refusal():
        raise EnvError(f"pictures of a whole batch: {why}")
    studio = _Studio(model, camera, width, height, far)

    @jax.custom_batching.custom_vmap
    def batch(qpos: jax.Array, scene: Scene, placed: Parts) -> Picture:
        return studio(qpos, scene, placed)

    @batch.def_vmap
    def _(size: int, mapped: Any, *arguments: Any) -> Any:  # axes added by vmap become one long batch
        flat = jax.tree.map(lambda x: x.reshape(math.prod(x.shape[:2]), *x.shape[2:]), _spread(size, mapped, arguments))
        drawn = jax.tree.map(lambda x: x.reshape(size, len(x) // size, *x.shape[1:]), batch(*flat))
        return drawn, jax.tree.map(lambda _: True, drawn)

    @jax.custom_batching.custom_vmap
    def one(qpos: jax.Array, scene: Scene, placed: Parts) -> Picture:
        return jax.tree.map(lambda x: x[0], batch(*jax.tree.map(lambda x: x[None], (qpos, scene, placed))))

    @one.def_vmap
    def _(size: int, mapped: Any, *arguments: Any) -> Any:
        drawn = batch(*_spread(size, mapped, arguments))
        return drawn, jax.tree.map(lambda _: True, drawn)

    return one


def _spread(size: int, mapped: Any, arguments: Any) -> Any:
    """The arguments with the mapped axis in front of all of them."""
    return jax.tree.map(lambda x, has: x if has else jnp.broadcast_to(x, (size, *x.shape)), arguments, tuple(mapped))


class _Studio:
    """A model, what it takes to pose it in JAX, and MuJoCo Warp's contexts, one for each size of batch."""

    def __init__(self, model: mujoco.MjModel, camera: int, width: int, height: int, far: float) -> None:
        with silently(), jax.ensure_compile_time_eval():
            from mujoco import mjx

            self._warped, self._blank = mjx.put_model(model, impl="warp"), mjx.make_data(model, impl="warp")
            lit = mujoco.MjData(model)
            mujoco.mj_forward(model, lit)  # all lights are the room's: bodies have none
            lights = {f"_impl.{name}": jnp.asarray(getattr(lit, name)) for name in ("light_xpos", "light_xdir")}
            self._blank = self._blank.tree_replace(lights)
            self._posed, self._rest = mjx.put_model(model, impl="jax"), mjx.make_data(model, impl="jax")
        self._mjx, self._model, self._far = mjx, model, far
        self._camera, self._size = camera, (width, height)
        self._contexts: dict[int, Any] = {}

    def __call__(self, qpos: jax.Array, scene: Scene, placed: Parts) -> Picture:
        """Arrays are `[B, ...]`. Glass is looked through; for colours a second picture shows it, and is blended in."""
        context = self._context(len(qpos))
        size, rgba = jax.vmap(self._dressed)(scene)
        alpha = rgba[..., 3]
        draw = jax.vmap(lambda *arguments: self._draw(context, *arguments))
        before = jnp.zeros((len(qpos), *self._blank._impl._jax_token.shape), self._blank._impl._jax_token.dtype)
        code, depth, geom, done = draw(qpos, placed, size, rgba, alpha < 1, before)
        rgb = _unpacked(code)
        if len(scene.panels.alpha[0]):
            code, _, front, _ = draw(qpos, placed, size, rgba, alpha <= 0, done)
            tint = jnp.where(front < 0, 0.0, jax.vmap(lambda a, i: a[i])(alpha, front))[..., None]
            rgb = tint * _unpacked(code) + (1 - tint) * rgb
        shape = (len(qpos), self._size[1], self._size[0])
        return Picture(
            rgb.reshape(*shape, 3),
            jnp.where(geom < 0, self._far, jnp.minimum(depth, self._far)).reshape(shape),
            geom.reshape(shape),
        )

    def _context(self, batch: int) -> Any:
        """Warp's own arrays are made for one size of batch."""
        if batch not in self._contexts:
            with silently(), jax.ensure_compile_time_eval():
                self._contexts[batch] = self._mjx.create_render_context(
                    mjm=self._model,
                    nworld=batch,
                    cam_res=self._size,
                    cam_active=[index == self._camera for index in range(self._model.ncam)],
                    render_rgb=True,
                    render_depth=True,
                    render_seg=True,
                    enabled_geom_groups=[group for group in range(6) if group != SOLID_GROUP],
                )
        return self._contexts[batch].pytree()

    def _dressed(self, scene: Scene) -> tuple[jax.Array, jax.Array]:
        """Sizes and colours of all shapes of one environment."""
        size, rgba = jnp.asarray(self._model.geom_size, jnp.float32), jnp.asarray(self._model.geom_rgba)
        sizes, colours = dressing(self._model, scene)
        for geom, axis, value in sizes:
            size = size.at[geom, axis].set(value)
        for geom, colour, alpha in colours:
            rgba = rgba.at[geom].set(jnp.append(colour, alpha))
        return size, rgba

    def _draw(
        self,
        context: Any,
        qpos: jax.Array,
        placed: Parts,
        size: jax.Array,
        rgba: jax.Array,
        hidden: jax.Array,
        before: jax.Array,
    ) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
        """One environment: packed colours, depths and shapes, `[H W]` each; and a token for who draws after `before`.

        (A context holds one tree of bounding boxes, which the next picture must not move too early.)
        """
        mjx, names = self._mjx, ("cam_xpos", "cam_xmat", "geom_xpos", "geom_xmat")
        posed = self._rest.replace(qpos=qpos, mocap_pos=placed.position, mocap_quat=placed.quaternion)
        posed = mjx.camlight(self._posed, mjx.com_pos(self._posed, mjx.kinematics(self._posed, posed)))
        posed = posed.replace(geom_xpos=posed.geom_xpos.at[:, 2].add(jnp.where(hidden, _AWAY, 0.0)))
        model = self._warped.replace(geom_size=size, geom_rgba=rgba)
        data = self._blank.replace(qpos=qpos, **{name: getattr(posed, name) for name in names})
        data = mjx.refit_bvh(model, data.tree_replace({"_impl._jax_token": before}), context)
        code, depth, seen, data = mjx.render_with_segmentation(model, data, context)
        geom = seen[..., 1] == int(mujoco.mjtObj.mjOBJ_GEOM)
        return code, depth, jnp.where(geom, seen[..., 0], -1), data._impl._jax_token


def _unpacked(code: jax.Array) -> jax.Array:
    """`[...]` uint32, 0xAARRGGBB -> `[..., 3]`, 0..1."""
    return jnp.stack([code >> shift & 255 for shift in (16, 8, 0)], -1).astype(jnp.float32) / 255
