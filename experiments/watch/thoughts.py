"""What a brain plans and what it remembers, as places and times: found by the ports that say so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from agent.circuit import Circuit
from agent.module import DECISION_SECONDS

FAINT = 0.05  # the weakest recall that is shown
STRONGEST = 3  # recalls of one memory at one decision that are shown, at most


class Decision(Protocol):
    """What is asked of a recorded decision."""

    @property
    def pose(self) -> np.ndarray: ...  # [3] x, y (m), heading (rad)

    @property
    def first(self) -> bool: ...

    @property
    def ports(self) -> dict[str, np.ndarray]: ...

    @property
    def episodes(self) -> dict[str, int]: ...  # how many episodes came before this one, as each memory for life counts


def plans(circuit: Circuit, frames: Sequence[Decision]) -> np.ndarray | None:
    """`[T, H + 1, 3]`: where a planner saw the body go, x, y (m) and heading (rad); NaN where it planned nothing new.

    A planner is a module with a port `path` `[H, 3]`: forward speed, speed to the left (m/s) and yaw rate (rad/s) of
    every decision to come. Its port `planned`, where it has one, is above 0 where it planned. Only the first is shown.
    """
    name = next((name for name, ports in circuit.outputs.items() if _is_path(ports.get("path"))), None)
    if name is None:
        return None
    found = np.stack([ahead(f.pose, f.ports[f"{name}.path"]) for f in frames])
    if "planned" in circuit.outputs[name]:
        found[[not np.any(f.ports[f"{name}.planned"] > 0) for f in frames]] = np.nan
    return found


def _is_path(port: Any) -> bool:
    return port is not None and len(port.shape) == 2 and port.shape[1] == 3


def ahead(pose: np.ndarray, path: np.ndarray, dt: float = DECISION_SECONDS) -> np.ndarray:
    """Poses `[H + 1, 3]` from `pose` on, at speeds `path` `[H, 3]`; each step is straight along its middle heading."""
    headings = pose[2] + np.concatenate([[0.0], np.cumsum(path[:, 2]) * dt])
    middle = (headings[:-1] + headings[1:]) / 2
    c, s = np.cos(middle), np.sin(middle)
    steps = dt * np.stack([path[:, 0] * c - path[:, 1] * s, path[:, 0] * s + path[:, 1] * c], axis=1)
    return np.column_stack([pose[:2] + np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)]), headings])


def recalls(circuit: Circuit, frames: Sequence[Decision], time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What was remembered when: `[R, 3]` now, then (s on this clock), weight; and `[R, 4]` of what was before:
    now, episode (-1: the last before it), time in it (s), weight.

    A memory is a module with ports `weights` `[K]` and `recalled` `[K]`, the decision of each in its episode,
    below 0 for none; one that outlives episodes also tells the `episode` `[K]`.
    """
    starts = [k for k, frame in enumerate(frames) if frame.first]
    here: list[tuple[float, float, float]] = []
    distant: list[tuple[float, float, float, float]] = []
    for k, now in enumerate(time):
        number = sum(start <= k for start in starts) - 1
        for episode, decision, weight in _strongest(circuit, frames[k]):
            start = number - episode
            if start >= 0:
                here.append((now, time[starts[start]] + DECISION_SECONDS * decision, weight))
            else:
                distant.append((now, start, DECISION_SECONDS * decision, weight))
    return np.array(here).reshape(-1, 3), np.array(distant).reshape(-1, 4)


def _strongest(circuit: Circuit, frame: Decision) -> Iterator[tuple[int, int, float]]:
    """Episodes ago, decision and weight of what every memory recalls most at one decision."""
    for name, ports in circuit.outputs.items():
        if not {"recalled", "weights"} <= set(ports):
            continue
        weights, decisions = frame.ports[f"{name}.weights"], frame.ports[f"{name}.recalled"]
        lives = name in frame.episodes and "episode" in ports
        ago = frame.episodes[name] - frame.ports[f"{name}.episode"] if lives else np.zeros_like(decisions)
        for slot in np.argsort(-weights, kind="stable")[:STRONGEST]:
            if weights[slot] > FAINT and decisions[slot] >= 0:
                yield int(ago[slot]), int(decisions[slot]), float(weights[slot])
