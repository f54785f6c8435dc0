"""Our vector environment and our network as Stable-Baselines3 wants them. Importing this needs the extra `bench`."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor  # pyright: ignore[reportMissingImports]
from stable_baselines3.common.vec_env import VecEnv  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]

import envs  # noqa: F401 -- registers the environments


class Batch(VecEnv):
    """`scrubjay/<Task>-v0` as a batch. Stable-Baselines3 wants the first observation of an episode with the last one's
    reward; ours comes a step later.

    Where all episodes end together, as in FORAGE, that step is taken at once. An environment that ends alone (its
    physics failed) starts its next episode with a void decision.
    """

    def __init__(self, name: str, batch: int, seed: int, **options: Any) -> None:
        self.world: Any = gymnasium.make_vec(
            name, num_envs=batch, vectorization_mode=gymnasium.VectorizeMode.VECTOR_ENTRY_POINT, **options
        )
        self.render_mode = None
        super().__init__(batch, self.world.single_observation_space, self.world.single_action_space)
        self._first, self._seed = True, seed
        self._action = np.zeros((batch, *self.world.single_action_space.shape), np.float32)

    def reset(self) -> Any:
        observation, _ = self.world.reset(seed=self._seed if self._first else None)
        self._first = False
        return _writable(observation)

    def step_async(self, actions: np.ndarray) -> None:
        self._action = actions

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        observation, reward, ended, cut_off, _ = self.world.step(self._action)
        done, infos = ended | cut_off, [{} for _ in range(self.num_envs)]
        for index in np.flatnonzero(done):
            last = {name: array[index] for name, array in observation.items()}
            infos[index] = {"terminal_observation": last, "TimeLimit.truncated": bool(cut_off[index])}
        if done.all():
            observation, *_ = self.world.step(np.zeros_like(self._action))
        return _writable(observation), reward.astype(np.float32), done, infos

    def close(self) -> None:
        self.world.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self.world, attr_name)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        setattr(self.world, attr_name, value)

    def env_method(self, method_name: str, *arguments: Any, indices: Any = None, **options: Any) -> list[Any]:
        return [getattr(self.world, method_name)(*arguments, **options)] * self.num_envs

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs


class Trunk(BaseFeaturesExtractor):
    """One dense layer below both policy and value, as in `agent=reflex`."""

    def __init__(self, observation_space: Any, width: int) -> None:
        super().__init__(observation_space, width)
        self.layer = nn.Sequential(nn.Linear(observation_space.shape[0], width), nn.Tanh())

    def forward(self, observations: Any) -> Any:
        return self.layer(observations)


def _writable(observation: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Copies, for torch takes none that it could not write to."""
    return {name: np.array(array) for name, array in observation.items()}
