"""Sense `sound`: two ears that hear how loud every band is, from where the body stands and how it is turned."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from envs.moment import Fixed, Moment
from envs.registry import EnvError
from envs.scene import BANDS, Pose, Scene, Sounds
from envs.senses.retina import panel_depth

_MOST = 10.0  # no reading is more


@dataclass(frozen=True)
class Sound:
    """`[2, BANDS]`: left and right ear, the levels of all sources added up.

    Of a source's level an ear hears the part 1/(1 + (d/half)²) · (½ + ½ cos a) · panel^k, with d the distance from the
    body's centre, a the angle between the source's direction and the ear's axis (the shadow of the head), and k the
    number of panels across the way, clear ones too. In the dark all is silent but sounds that say otherwise.
    """

    half: float = 0.5  # m, the distance at which half of the level is left
    ears: float = 60.0  # degrees from the heading to the axis of either ear
    panel: float = 0.5  # what a panel lets through

    key = "sound"

    def __post_init__(self) -> None:
        if not 0 < self.half < np.inf:
            raise EnvError(f"sound.half is {self.half} m; a positive distance is wanted, for example 0.5.")
        if not 0 <= self.ears <= 180:
            raise EnvError(f"sound.ears is {self.ears} degrees; an angle from 0 to 180 is wanted, for example 60.")
        if not 0 <= self.panel <= 1:
            raise EnvError(f"sound.panel is {self.panel}; a part from 0 (nothing passes) to 1 is wanted.")

    def space(self, fixed: Fixed) -> gymnasium.spaces.Box:
        del fixed
        return gymnasium.spaces.Box(0.0, _MOST, (2, BANDS), np.float32)

    def initial(self, fixed: Fixed) -> tuple[()]:
        del fixed
        return ()

    def __call__(self, fixed: Fixed, state: tuple[()], moment: Moment) -> tuple[tuple[()], jax.Array]:
        del fixed
        sounds = moment.scene.sounds
        if sounds is None:
            return state, jnp.zeros((2, BANDS))
        heard = jnp.minimum(self.hear(moment.pose, moment.scene, sounds), _MOST)
        return state, jnp.where(moment.scene.dark & ~jnp.asarray(sounds.in_dark), 0.0, heard)

    def hear(self, pose: Pose, scene: Scene, sounds: Sounds) -> jax.Array:
        """`[2, BANDS]` levels at the ears, whatever the light."""
        offset = sounds.position - pose.position
        squared = (offset**2).sum(-1)
        distance = jnp.sqrt(jnp.maximum(squared, 1e-12))  # at 0 a source has no direction, and the root no slope
        east, north = offset[:, 0] / distance, offset[:, 1] / distance
        axes = pose.heading + np.deg2rad([[self.ears], [-self.ears]]).astype(np.float32)
        shadow = 0.5 + 0.5 * (jnp.cos(axes) * east + jnp.sin(axes) * north)
        part = shadow / (1.0 + squared / self.half**2)
        for index in range(scene.panels.alpha.shape[0]):
            across = panel_depth(pose.position, east, north, scene.panels, index) < distance
            part = part * jnp.where(across, self.panel, 1.0)
        return (part[..., None] * sounds.level).sum(1)
