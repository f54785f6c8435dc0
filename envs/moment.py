"""What tasks and senses are shown, and what they are: the contracts behind `envs/tasks/` and `envs/senses/`.

Tasks, bodies and senses are written for one environment; `envs.world` maps them over the batch.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Protocol

import gymnasium
import jax
import mujoco

from envs.physics import Fresh, Physics
from envs.scene import PartCounts, Pose, Scene, Start


class Body(Protocol):
    """A body: MJCF, how actions move it, where it is. A frozen dataclass; its fields are its options.

    The physics step and everything else of MuJoCo's `<option>` are those of its MJCF.
    """

    actions: ClassVar[int] | int
    radius: float  # m, of the upright cylinder that holds it
    top_speed: float  # m/s
    top_yaw: float  # rad/s

    def mjcf(self) -> str: ...

    def control(self, action: jax.Array, physics: Physics) -> jax.Array: ...

    def pose(self, physics: Physics) -> Pose: ...

    def start(self, start: Start) -> Fresh: ...

    def posture(self, physics: Physics) -> jax.Array:
        """`[P]` what it feels of itself beside its pose, such as the angles of its joints; of the order of 1."""
        ...


class Outcome(NamedTuple):
    """What a task makes of a control step."""

    state: Any
    terms: dict[str, jax.Array]  # named parts of the reward, [] each
    ended: jax.Array  # [] bool, the episode ended for good (discount 0)
    cut_off: jax.Array  # [] bool, its time is over (discount 1)
    move: jax.Array | None = None  # [] bool, put the body at `start` and hold it there for the next control step
    start: Start | None = None


class Task(Protocol):
    """A task: pure functions of a small state. A frozen dataclass; its fields are its options."""

    metric: ClassVar[str]  # what a score is computed from: "return", or the name of a reward term summed
    terms: ClassVar[tuple[str, ...]]
    horizon: int  # control steps, for those who must plan ahead

    @property
    def parts(self) -> PartCounts: ...

    def reset(self, key: jax.Array, body: Body) -> tuple[Any, Start]:
        """A new episode: the task's state and where the body starts."""
        ...

    def scene(self, state: Any) -> Scene:
        """What there is to see and touch in this state."""
        ...

    def step(self, state: Any, pose: Pose, physics: Physics, action: jax.Array, key: jax.Array, body: Body) -> Outcome:
        """After a control step (20 Hz), the body being at `pose`."""
        ...

    def scripted(self) -> dict[str, Any]:
        """Scripted policies that may see the whole state, by name (`envs.scripted.Policy`)."""
        ...


def sentences(task: Any) -> tuple[str, ...]:
    """What a task may tell in words: its `sentences`, of which its scenes say by number which one holds; often none."""
    return tuple(getattr(task, "sentences", ()))


def groups(task: Any) -> tuple[str, ...]:
    """Sorts of episodes that a task reports apart: its `groups`; `group(state) -> [] int32` says which one holds."""
    return tuple(getattr(task, "groups", ()))


class Moment(NamedTuple):
    """What senses may draw on after a decision; one environment."""

    pose: Pose
    scene: Scene
    physics: Physics
    action: jax.Array  # [A], of the decision that led here
    reward: jax.Array  # []
    terms: dict[str, jax.Array]
    first: jax.Array  # [] bool
    key: jax.Array  # random, of this sense at this decision


class Fixed(NamedTuple):
    """What a sense may know when it is made."""

    body: Any
    model: mujoco.MjModel
    actions: int
    seconds: float  # between two decisions
    sentences: tuple[str, ...] = ()  # all that the task may tell
    looks: Any = None  # the model with all that is only seen, for those who draw


class Sense(Protocol):
    """A sense: `bind` it to a body, then `(state, moment) -> (state, reading)`. A frozen dataclass of options."""

    @property
    def key(self) -> str:
        """Its name in the observation; a plain class variable will do."""
        ...

    def space(self, fixed: Fixed) -> gymnasium.spaces.Box: ...

    def initial(self, fixed: Fixed) -> Any:
        """State at the start of an episode; `()` without one."""
        ...

    def __call__(self, fixed: Fixed, state: Any, moment: Moment) -> tuple[Any, jax.Array]: ...
