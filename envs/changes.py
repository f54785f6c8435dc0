"""Changes of a body as data, the same for every body: how heavy, how strong, how noisy and how slow to obey it is.

    envs.make("forage", body={"kind": "car", "changes": {"mass": 1.5, "noise": 0.1, "delay": 1}})

The senses are not told: what they give as a fraction of the body's top speed is a fraction of that without changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from envs.registry import EnvError

_NOISE = 1 << 17  # folded into a decision's key, apart from a new episode's and the numbers of control steps


@dataclass(frozen=True)
class Changes:
    """What is other than the body's own file says; the defaults change nothing."""

    mass: float = 1.0  # factor on every mass and inertia
    kilograms: float = 0.0  # or the mass of the whole body, kg; 0 leaves it to `mass`
    top_speed: float = 1.0  # factor on the force of every motor, and so on the top speed where damping limits it
    noise: float = 0.0  # deviation of Gaussian noise on every motor command (-1..1) of a decision
    delay: int = 0  # whole decisions between a command and its execution

    def __post_init__(self) -> None:
        for option in ("mass", "top_speed"):
            if not 0 < getattr(self, option) < np.inf:
                raise EnvError(
                    f"env.body.changes.{option} is {getattr(self, option)}; a positive factor is wanted, such as 1.5."
                )
        for option, unit in (
            ("kilograms", "a mass in kg"),
            ("noise", "a deviation"),
            ("delay", "a number of decisions"),
        ):
            if not 0 <= getattr(self, option) < np.inf:
                raise EnvError(f"env.body.changes.{option} is {getattr(self, option)}; {unit} of at least 0 is wanted.")
        if self.kilograms and self.mass != 1:
            raise EnvError("env.body.changes has both mass and kilograms. Give the factor or the kilograms.")
        if self.delay > 100:
            raise EnvError(f"env.body.changes.delay is {self.delay} decisions; at most 100 (10 s) are kept.")

    def mjcf(self, body: str) -> str:
        """A body's MJCF with these changes."""
        unchanged = self.mass == self.top_speed == 1 and not self.kilograms
        return body if unchanged else _changed(body, self.mass, self.kilograms, self.top_speed)

    def initial(self, batch: int, actions: int) -> jax.Array:
        """`[B, delay, A]`: the commands on their way, the oldest first."""
        return jnp.zeros((batch, self.delay, actions))

    def __call__(
        self, waiting: jax.Array, action: jax.Array, first: jax.Array, keys: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """One decision: `-> (waiting, executed)`; where an episode begins nothing waits.

        The mouth, an action's last number, is as late as the motors, but not noisy.
        """
        executed = action
        if self.delay:
            waiting = jnp.where(first[:, None, None], 0.0, waiting)
            queue = jnp.concatenate([waiting, action[:, None]], 1)
            executed, waiting = queue[:, 0], queue[:, 1:]
        if self.noise:
            size = action.shape[1] - 1
            noise = jax.vmap(lambda key: jax.random.normal(jax.random.fold_in(key, _NOISE), (size,)))(keys)
            noisy = jnp.clip(executed[:, :-1] + self.noise * noise, -1.0, 1.0)
            executed = jnp.concatenate([jnp.where(first[:, None], 0.0, noisy), executed[:, -1:]], 1)
        return waiting, executed


@lru_cache(maxsize=32)
def _changed(body: str, mass: float, kilograms: float, force: float) -> str:
    spec = mujoco.MjSpec.from_string(body)
    total = float(spec.compile().body_subtreemass[0])
    if kilograms and total <= 0:
        raise EnvError("env.body.changes.kilograms: this body weighs nothing. Give its parts masses or densities.")
    factor = kilograms / total if kilograms else mass
    for geom in spec.geoms:
        geom.density *= factor
        geom.mass *= factor  # NaN where the density counts, and stays so
    for part in spec.bodies:
        part.mass *= factor
        part.inertia *= factor
        part.fullinertia *= factor
    for actuator in spec.actuators:
        if actuator.biastype == mujoco.mjtBias.mjBIAS_NONE:  # a servo's gear would change what it measures, too
            actuator.gear *= force
    spec.compile()
    return spec.to_xml()
