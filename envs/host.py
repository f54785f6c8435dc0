"""What holds Gymnasium environments on the host, and steps them when a program calls back."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from envs import spaces
from envs.registry import EnvError

_SEEDS = 2**31  # Gymnasium takes more, but some environments hand theirs to libraries that do not


class Shown(NamedTuple):
    """What the environments showed; every array has the leading axis B."""

    observation: dict[str, Any]
    reward: Any  # [B] float32
    ended: Any  # [B] bool, for good
    cut_off: Any  # [B] bool
    first: Any  # [B] bool
    bad: Any  # [B] bool


class Host:
    """Environments side by side, one after the other, as Gymnasium's own SyncVectorEnv steps them.

    Every episode has a seed of its own, so that one in which something broke can be had again.
    """

    def __init__(self, name: str, make: Callable[[], gymnasium.Env[Any, Any]], batch: int) -> None:
        self._name, self._make, self._batch = name, make, batch
        self._envs: list[gymnasium.Env[Any, Any]] = []  # made at the first call: a world may only be looked at
        self._at: tuple[bytes, int] | None = None  # the life and the count that the environments stand at
        self._over = np.ones(batch, bool)
        self._streams: list[np.random.Generator] = []
        self._seeds, self._time = [0] * batch, [0] * batch
        self._lock = threading.Lock()

    def __call__(self, life: Any, count: Any, observation: Any, last: Any, action: Any) -> tuple[np.ndarray, Shown]:
        """The callback: one decision. NumPy only, for JAX inside a callback can deadlock."""
        life, count, action = np.asarray(life), np.asarray(count), np.asarray(action)
        seen = {name: np.asarray(array) for name, array in observation.items()}
        with self._lock:
            self._envs += [self._make() for _ in range(self._batch - len(self._envs))]
            here, lost = (life.tobytes(), int(count[0])), np.zeros(self._batch, bool)
            if not here[1] or here != self._at:
                self._streams = [np.random.default_rng([int(seed), here[1]]) for seed in life]
                self._over, lost = ~lost, ~np.asarray(last)
            shown = self._advance(action, seen, lost)
            self._at = (here[0], here[1] + 1)
        return count + np.uint32(1), shown

    def _advance(self, action: np.ndarray, seen: dict[str, np.ndarray], lost: np.ndarray) -> Shown:
        """One decision of all. What is lost is cut off with what it showed last, and so is what a NaN would move."""
        observation = {name: np.array(array) for name, array in seen.items()}
        reward = np.zeros(self._batch, np.float32)
        ended, cut_off = np.zeros((2, self._batch), bool)
        first = self._over & ~lost
        bad = lost | (~first & ~np.isfinite(action).all(-1))
        for index in map(int, np.flatnonzero(~bad)):
            done = np.zeros_like(action[index])
            if first[index]:
                reading = self._reset(index)
            else:
                command, done = spaces.act(self._envs[index].action_space, action[index])
                reading, reward[index], ended[index], cut_off[index] = self._step(index, command)
            for name, array in {**reading, "action": done, "reward": reward[index]}.items():
                observation[name][index] = array
        cut_off = (cut_off & ~ended) | bad
        self._over = ended | cut_off
        return Shown(observation, reward, ended, cut_off, first, bad)

    def _reset(self, index: int) -> dict[str, np.ndarray]:
        env, seed = self._envs[index], int(self._streams[index].integers(_SEEDS))
        self._seeds[index], self._time[index] = seed, 0
        try:
            observation, _ = env.reset(seed=seed)
            return spaces.readings(env.observation_space, observation)
        except Exception as error:
            raise self._broken(index, "reset", error) from error

    def _step(self, index: int, command: Any) -> tuple[dict[str, np.ndarray], float, bool, bool]:
        env = self._envs[index]
        try:
            observation, reward, ended, cut_off, _ = env.step(command)
            self._time[index] += 1
            return spaces.readings(env.observation_space, observation), float(reward), bool(ended), bool(cut_off)
        except Exception as error:
            raise self._broken(index, f"step {self._time[index] + 1}", error) from error

    def _broken(self, index: int, when: str, error: Exception) -> EnvError:
        text, seed = " ".join(str(error).split()).rstrip(".") or "it says no more", self._seeds[index]
        place = traceback.extract_tb(error.__traceback__)[-1]  # JAX keeps the message, but not the traceback
        return EnvError(
            f"{self._name}: environment {index} raised {type(error).__name__} in {when} of the episode with seed "
            f"{seed}: {text} ({place.filename}, line {place.lineno}). Mend the environment; reset(seed={seed}) begins "
            "that episode."
        )
