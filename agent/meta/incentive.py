"""What is worth going to, by its looks, and where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from agent.config import option
from agent.geometry import ray_angles, rotated_all
from agent.module import Arrays, Module, State
from agent.planning.obstacle_map import WANTED
from agent.ports import Input, Port, Ports
from agent.registry import register

TOUCHING = 0.9
"""Nearness from which on what is in view is within reach."""
GAIN = 10.0
"""Of contrasts, so that what they promise is learned in few touches."""


@register("incentive")
@dataclass(frozen=True)
class IncentiveConfig:
    """How probable it is that touching a thing of such a colour brings a reward, learned over all episodes (incentive
    salience, Berridge & Robinson 1998; by the delta rule of Rescorla & Wagner 1972 as a logistic regression), and where
    the nearest such thing is. The place is kept while it is out of view. Of a colour never touched nothing is expected,
    nor of grey: p = σ(w·c - doubt).

    Colours are told apart by how their channels differ from each other (colour opponency; Hurvich & Jameson 1957).
    """

    inputs: ClassVar = {
        "image": Input("one", rank=3),
        "touch": Input("concat", rank=1),
        "reward": Input("sum", rank=None),
        "pose": Input("one", rank=1),
    }
    field: float = option(180.0, "field of view of the image", unit="degrees", low=1.0, high=360.0)
    touched: float = option(0.1, "reading of touch from which on it is one", low=0.0)
    neutral: float = option(0.5, "reward of a touch that is neither good nor bad")
    doubt: float = option(2.0, "how improbable it is that something unknown is good, as a logit", low=0.0)
    size: float = option(0.15, "what is so near to each other is one thing", unit="m", low=0.0)

    def ports(self, inputs: Ports) -> Ports:
        _, rays, channels = inputs["image"].shape
        if channels < 3:
            raise ValueError(f"image: it has {channels} channels, not two colours and nearness. Wire the retina.")
        if inputs["pose"].shape[0] < 4:
            raise ValueError("pose: it has fewer than four numbers. Wire that of path_integration.")
        return Ports(map=Port((rays,), "signal"), goal=Port((3,), "signal"), outcome_loss=Port((), "loss"))


class Incentive(Module[IncentiveConfig]):
    """Outputs: `map [rays]`, the probability that what a ray meets is good; `goal [3]`, x and y (m) and 1 if there is
    one, else zeros; `outcome_loss`, cross entropy where a touch begins with something within reach.

    Inputs: `image [rows, rays, channels]`, the last of which is nearness exp(-m); `touch`; `reward`; `pose [4…]`.
    """

    replayed = ("map", "goal")

    def __init__(self, config: IncentiveConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        rows, _, channels = inputs["image"].shape
        self.worth = nnx.Param(jnp.zeros(rows * (channels - 1)))

    def initial(self, batch: int) -> State:
        return {"goal": jnp.zeros((batch, 3)), "touching": jnp.zeros(batch)}

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        c, image = self.config, inputs["image"]
        near = image[..., -1].max(axis=1)
        logit = opponent(image[..., :-1]) @ self.worth[...] - c.doubt
        goal = self._goal(state["goal"], jax.lax.stop_gradient(logit), near, inputs["pose"])
        touching = (inputs["touch"].max(axis=-1) > c.touched).astype(image.dtype)
        begins = touching * (1.0 - state["touching"]) * (near.max(axis=1) > TOUCHING)
        good = (inputs["reward"].reshape(len(key), -1).sum(axis=1) > c.neutral).astype(image.dtype)
        touched = jnp.take_along_axis(logit, near.argmax(axis=1)[:, None], axis=1)[:, 0]
        loss = begins * optax.sigmoid_binary_cross_entropy(touched, good)
        outputs = {"map": nnx.sigmoid(logit), "goal": goal, "outcome_loss": loss}
        return {"goal": goal, "touching": touching}, outputs

    def _goal(self, before: jax.Array, logit: jax.Array, near: jax.Array, pose: jax.Array) -> jax.Array:
        """`[B, 3]`: the middle of the nearest good thing in view, else where one was."""
        good = nnx.sigmoid(logit) > WANTED
        depth = -jnp.log(jnp.clip(near, 1e-6, 1.0))
        angles = ray_angles(near.shape[1], self.config.field)
        points = depth[..., None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)[None]
        best = jnp.where(good, near, -1.0).argmax(axis=1)
        nearest = jnp.take_along_axis(points, best[:, None, None], axis=1)
        one = good & (jnp.square(points - nearest).sum(axis=-1) < self.config.size**2)
        middle = (points * one[..., None]).sum(axis=1) / jnp.maximum(one.sum(axis=1, keepdims=True), 1)
        where = rotated_all(middle[:, None], pose[:, 2:4])[:, 0] + pose[:, :2]
        found = jnp.concatenate([where, jnp.ones((len(near), 1))], axis=1)
        return jnp.where(good.any(axis=1, keepdims=True), found, before)


def opponent(colour: jax.Array) -> jax.Array:
    """`[B, rows, rays, channels]` -> `[B, rays, rows * channels]`: how every channel differs from their mean."""
    contrast = GAIN * (colour - colour.mean(axis=-1, keepdims=True))
    return contrast.swapaxes(1, 2).reshape(colour.shape[0], colour.shape[2], -1)
