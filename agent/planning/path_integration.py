"""Path integration: where the body is, by how it has moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from agent.config import option
from agent.geometry import rotated
from agent.module import DECISION_SECONDS, Arrays, Module, State
from agent.planning.latent_model import Motion
from agent.ports import Input, Port, Ports
from agent.registry import register


@register("path_integration")
@dataclass(frozen=True)
class PathIntegrationConfig:
    """Dead reckoning from proprioception (forward and lateral speed, yaw rate, compass; in that order, wired alone).

    x ← x + R(θ) v̄ Δt with the mean v̄ of this and the last velocity; θ is the compass, or the sum of the yaw rates.
    The place where an episode begins is (0, 0). It drifts: what the speeds leave out is never corrected.
    """

    inputs: ClassVar = {"motion": Input("one", rank=1)}
    compass: bool = option(True, "read the heading from the compass, rather than adding up turns")
    scale: Motion = option(Motion(), "what a reading of 1 means")

    def ports(self, inputs: Ports) -> Ports:
        if inputs["motion"].shape[0] < 5:
            raise ValueError("motion: it has fewer than five numbers. Wire proprioception.")
        return Ports(pose=Port((4,)), position=Port((2,)))


class PathIntegration(Module[PathIntegrationConfig]):
    """Outputs: `pose`, x and y (m), cosine and sine of the heading; `position`, the first two alone."""

    def initial(self, batch: int) -> State:
        zeros = jnp.zeros(batch)
        return {"position": jnp.zeros((batch, 2)), "heading": zeros, "motion": jnp.zeros((batch, 3)), "lived": zeros}

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        scale, told = self.config.scale, inputs["motion"]
        motion = told[:, :3] * jnp.array([[scale.forward, scale.lateral, scale.yaw]])
        mean = 0.5 * (motion + state["motion"]) * DECISION_SECONDS * state["lived"][:, None]
        heading = state["heading"] + mean[:, 2]
        if self.config.compass:
            heading = jnp.arctan2(told[:, 4], told[:, 3])
        middle = heading - 0.5 * mean[:, 2]
        position = state["position"] + rotated(mean[:, :2], middle)
        after = {"position": position, "heading": heading, "motion": motion, "lived": jnp.ones_like(heading)}
        side = jnp.stack([jnp.cos(heading), jnp.sin(heading)], axis=1)
        return after, {"pose": jnp.concatenate([position, side], axis=1), "position": position}
