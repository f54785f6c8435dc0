"""What a body consists of, found in its MJCF: `print(envs.describe("ant"))`."""

from __future__ import annotations

from typing import Any, NamedTuple

import mujoco
import numpy as np

_LENGTHS = {mujoco.mjtJoint.mjJNT_SLIDE: "m", mujoco.mjtJoint.mjJNT_HINGE: "rad"}


class Anatomy(NamedTuple):
    """A body's parts by name, in MuJoCo's order; an action is its motor commands and the mouth."""

    kind: str
    radius: float  # m
    mass: float  # kg
    physics_step: float  # s
    actions: int  # motor commands
    joints: tuple[str, ...]  # "hip_1 (hinge, -0.52..0.52 rad)"
    actuators: tuple[str, ...]
    touch: tuple[str, ...]  # touch sensors
    cameras: tuple[str, ...]

    def __str__(self) -> str:
        size = f"radius {self.radius:.3g} m, {self.mass:.3g} kg, physics step {1000 * self.physics_step:g} ms"
        lines = [f"{self.kind}: {self.actions} motor commands, {size}"]
        for what in ("joints", "actuators", "touch", "cameras"):
            lines.append(f"  {what}: {', '.join(getattr(self, what)) or 'none'}")
        return "\n".join(lines)


def anatomy(kind: str, body: Any, mjcf: str) -> Anatomy:
    """The parts of a body that is described by MJCF text."""
    model = mujoco.MjModel.from_xml_string(mjcf)
    touch = np.flatnonzero(model.sensor_type == mujoco.mjtSensor.mjSENS_TOUCH)
    name = lambda element, index: element.name or f"number {index}"  # noqa: E731
    return Anatomy(
        kind,
        float(body.radius),
        float(model.body_subtreemass[0]),
        float(model.opt.timestep),
        int(body.actions),
        tuple(_joint(model, index) for index in range(model.njnt)),
        tuple(name(model.actuator(i), i) for i in range(model.nu)),
        tuple(name(model.sensor(i), i) for i in touch),
        tuple(name(model.camera(i), i) for i in range(model.ncam)),
    )


def _joint(model: mujoco.MjModel, index: int) -> str:
    kind = mujoco.mjtJoint(model.jnt_type[index])
    limits = ""
    if model.jnt_limited[index]:
        low, high = model.jnt_range[index]
        limits = f", {low:.2f}..{high:.2f} {_LENGTHS.get(kind, 'rad')}"
    return f"{model.joint(index).name or f'number {index}'} ({kind.name.removeprefix('mjJNT_').lower()}{limits})"
