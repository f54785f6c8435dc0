"""The tasks as Gymnasium environments: `gymnasium.make("scrubjay/Forage-v0")`, and batches as vector environments.

Importing `envs` registers them; `gymnasium.make("envs:scrubjay/Forage-v0")` does it by itself. (Gymnasium 1.0 gave up
finding plugins through entry points.)
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import gymnasium
import jax
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from envs import registry
from envs.views import Pictures, Window, display

if TYPE_CHECKING:
    from envs.plant import Plant
    from envs.world import World

NAMESPACE = "scrubjay"


def register() -> None:
    """Registers every task under `scrubjay/<Task>-v0`; no task is imported for it."""
    for task in (*registry.names("envs.tasks"), *registry.names("envs.control")):
        title = "".join(part.capitalize() for part in task.split("_"))
        name = f"{NAMESPACE}/{title}-v0"
        if name not in gymnasium.registry:
            gymnasium.register(
                name, entry_point="envs.gym:GymEnv", vector_entry_point="envs.gym:GymVectorEnv", kwargs={"task": task}
            )


@lru_cache(maxsize=8)
def _compiled(task: str, batch: int, options: tuple[tuple[str, Any], ...]) -> tuple[World | Plant, Any, Any]:
    """A world and its jitted functions, shared by all environments of the same options: they hold no state."""
    import envs

    world = envs.make(task, batch=batch, **dict(options))
    return world, jax.jit(world.reset), jax.jit(world.step)


class _Stepper:
    """A world with its state held for callers that cannot carry it: jitted once, NumPy in and out."""

    def __init__(self, task: str, batch: int, options: dict[str, Any]) -> None:
        try:
            self.world, self._reset, self._step = _compiled(task, batch, tuple(sorted(options.items())))
        except TypeError:  # options that cannot be hashed
            self.world, self._reset, self._step = _compiled.__wrapped__(task, batch, tuple(options.items()))
        self.state: Any = None

    def reset(self, seed: int) -> Any:
        self.state, step = self._reset(jax.random.key(seed))
        return jax.tree.map(np.asarray, step)

    def step(self, action: np.ndarray) -> Any:
        self.state, step = self._step(self.started("step"), np.asarray(action, np.float32))
        return jax.tree.map(np.asarray, step)

    def started(self, caller: str = "render") -> Any:
        if self.state is None:
            raise gymnasium.error.ResetNeeded(f"{caller}() was called before reset(). Call reset() first.")
        return self.state


class GymEnv(gymnasium.Env[dict[str, np.ndarray], np.ndarray]):
    """One environment of a task; `options` are those of `envs.make` and the task's own.

    render_mode: `rgb_array`, pictures `[height, width, 3]` by MuJoCo's renderer; or `human`, a window of its viewer.
    """

    metadata = {"render_modes": ["rgb_array", "human"], "render_fps": 10}

    def __init__(
        self, task: str = "forage", render_mode: str | None = None, width: int = 480, height: int = 480, **options: Any
    ) -> None:
        self._stepper = _Stepper(task, 1, {"threads": 1, **options})
        self.metadata = _metadata(self._stepper.world, self.metadata)
        self.render_mode = _render_mode(render_mode, type(self).metadata)
        self._window = Window(self._stepper.world) if render_mode == "human" else None
        self._pictures = Pictures(self._stepper.world, width, height) if render_mode == "rgb_array" else None
        self.observation_space: Any = self._stepper.world.observation_space
        self.action_space: Any = self._stepper.world.action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        super().reset(seed=seed)
        step = self._stepper.reset(_seed(self.np_random))
        self._show()
        return _one(step.observation), _info(jax.tree.map(lambda leaf: leaf[0], step))

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        step = self._stepper.step(np.asarray(action)[None])
        self._show()
        ended = bool(step.last[0] and step.discount[0] == 0)
        info = _info(jax.tree.map(lambda leaf: leaf[0], step))
        return _one(step.observation), float(step.reward[0]), ended, bool(step.last[0]) and not ended, info

    def render(self) -> Any:
        """The picture in mode `rgb_array`; in mode `human` nothing, for every step shows itself."""
        return self._pictures(self._stepper.started(), 0) if self._pictures else None

    def close(self) -> None:
        if self._window:
            self._window.close()
        self._window = None

    def _show(self) -> None:
        if self._window:
            self._window.show(self._stepper.state, 0, 1.0 / self.metadata["render_fps"])


class GymVectorEnv(VectorEnv[dict[str, np.ndarray], np.ndarray, np.ndarray]):
    """A batch as a vector environment: one `step` is one program. The step after the last of an episode starts the
    next one (Gymnasium's next-step autoreset)."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10, "autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self,
        task: str = "forage",
        num_envs: int = 1,
        render_mode: str | None = None,
        width: int = 240,
        height: int = 240,
        **options: Any,
    ) -> None:
        self._stepper = _Stepper(task, num_envs, options)
        self.metadata = _metadata(self._stepper.world, self.metadata)
        self.render_mode = _render_mode(render_mode, type(self).metadata)
        self._pictures = Pictures(self._stepper.world, width, height) if render_mode == "rgb_array" else None
        self.num_envs = num_envs
        self.single_observation_space = self._stepper.world.observation_space
        self.single_action_space = self._stepper.world.action_space
        self.observation_space = gymnasium.vector.utils.batch_space(self.single_observation_space, num_envs)
        self.action_space = gymnasium.vector.utils.batch_space(self.single_action_space, num_envs)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        first = seed[0] if isinstance(seed, list) else seed
        super().reset(seed=first)
        step = self._stepper.reset(_seed(self.np_random))
        return dict(step.observation), self._infos(step)

    def step(
        self, actions: np.ndarray
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        step = self._stepper.step(actions)
        ended = step.last & (step.discount == 0)
        return dict(step.observation), step.reward, ended, step.last & ~ended, self._infos(step)

    def render(self) -> tuple[np.ndarray, ...] | None:
        """A picture of every environment."""
        if self._pictures is None:
            return None
        return tuple(self._pictures(self._stepper.started(), index) for index in range(self.num_envs))

    def _infos(self, step: Any) -> dict[str, Any]:
        """Arrays over the batch, with the masks that Gymnasium's vector environments put beside them."""
        info: dict[str, Any] = {**step.terms, "bad": step.bad}
        return info | {f"_{name}": np.ones(self.num_envs, bool) for name in info}


def _metadata(world: World | Plant, known: dict[str, Any]) -> dict[str, Any]:
    """What one environment can do here: no window without a display, and the rate of its own decisions."""
    modes = [mode for mode in known["render_modes"] if mode != "human" or display()]
    return {**known, "render_modes": modes, "render_fps": round(1.0 / world.seconds)}


def _render_mode(wanted: str | None, known: dict[str, Any]) -> str | None:
    if wanted is not None and wanted not in known["render_modes"]:
        raise registry.unknown("render_mode", wanted, known["render_modes"])
    return wanted


def _seed(source: np.random.Generator) -> int:
    return int(source.integers(2**31))


def _one(observation: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array[0] for name, array in observation.items()}


def _info(step: Any) -> dict[str, Any]:
    return {name: float(value) for name, value in step.terms.items()} | {"bad": bool(step.bad)}
