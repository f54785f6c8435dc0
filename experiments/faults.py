"""Failed physics in a training: which environment, from what start, and the same stretch of its life again.

    python -m experiments.faults runs/jay/faults/12.npz

An environment fails where its physics is no longer finite, its action is no number, its body leaves the arena, or its
engine raises. Its episode is cut off and counted (`bad` in metrics.csv) and the run goes on. A crash of the process
itself (a segmentation fault in a simulator) cannot be caught; `--resume` goes on from the newest checkpoint.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from envs.foreign import Foreign
from envs.joint import Joint
from envs.registry import name_of
from envs.world import World
from experiments.altered import apart
from experiments.errors import USER_ERRORS, RunError
from experiments.learning.rollout import Fault
from experiments.run import Run, load, make_env

_MOST = 10  # warnings of a training


class FaultWarning(RuntimeWarning):
    """Physics failed somewhere; the run goes on."""


class Fate(NamedTuple):
    """What became of an environment that lived a stretch again."""

    bad: np.ndarray  # [T] bool
    qpos: np.ndarray  # [T, nq]


def report(run: Run, update: int, failed: int, fault: Fault) -> None:
    """Warns of the failures of one update, and keeps what is needed to see the first of them again.

    Other people's environments keep their state to themselves; `envs.foreign` names what fails there.
    """
    if isinstance(run.env, Foreign):
        return
    folder = run.path / "faults"
    folder.mkdir(exist_ok=True)
    kept = len(list(folder.glob("*.npz")))
    if kept >= _MOST:
        return
    path = folder / f"{update}.npz"
    run, fault = _alone(run, jax.tree.map(np.asarray, fault))
    np.savez(path, actions=fault.actions, time=fault.time, task=run.setup.world, **_named(fault.world))
    warnings.warn(message(run, update, failed, fault, path, kept + 1 == _MOST), FaultWarning, stacklevel=2)


def _alone(run: Run, fault: Fault) -> tuple[Run, Fault]:
    """The task that it happened in, where a run has several."""
    if not isinstance(run.env, Joint):
        return run, fault
    name = run.env.task_of(int(fault.index))
    return apart(run)[name], fault._replace(world=fault.world[list(run.env.worlds).index(name)])


def message(run: Run, update: int, failed: int, fault: Fault, path: Path, final: bool = False) -> str:
    """Names the environment, and the numbers that start its episodes anew."""
    env: Any = run.env
    body = f", body {name_of(env.body)!r}" if isinstance(env, World) else ""
    complaint = getattr(env.engine, "complaint", "")
    count = int(fault.world.count) + int(fault.time)
    return (
        f"update {update}: physics failed {failed} times; those episodes were cut off, and the run goes on. First in "
        f"environment {int(fault.index)} of {env.batch} (task {run.setup.task['kind']!r}{body}, engine "
        f"{name_of(env.engine)!r}, seed {run.setup.seed}), key {[int(k) for k in fault.world.key]}, decision {count}. "
        + (f"The engine said: {complaint} " if complaint else "")
        + f"See it again: python -m experiments.faults {path}"
        + (f" (That was warning {_MOST}; more are only counted.)" if final else "")
    )


def again(path: Path) -> Fate:
    """Lives the stretch of a kept fault again, alone: same start, same actions, as many decisions as it took."""
    run, stored = load(path.parent.parent), _read(path)
    env: Any = make_env(apart(run)[str(stored.get("task", run.setup.world))].setup, 1)
    shapes = jax.eval_shape(env.reset, jax.random.key(0))[0]
    world = jax.tree.unflatten(jax.tree.structure(shapes), [stored[name][None] for name in _named(shapes)])
    actions = jnp.asarray(stored["actions"][: int(stored["time"]) + 1])

    def step(world: Any, action: jax.Array) -> Any:
        world, shown = env.step(world, action[None])
        return world, (shown.bad[0], world.physics.qpos[0])

    _, (bad, qpos) = jax.jit(lambda world: jax.lax.scan(step, world, actions))(world)
    return Fate(np.asarray(bad), np.asarray(qpos))


def _named(world: Any) -> dict[str, Any]:
    """The leaves of a world's state by name."""
    return {f"world{jax.tree_util.keystr(path)}": leaf for path, leaf in jax.tree_util.tree_leaves_with_path(world)}


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path) as file:
            return dict(file)
    except (OSError, ValueError) as error:
        raise RunError(f"{path} holds no fault: {error}. Name a file like runs/jay/faults/12.npz.") from error


def main(arguments: list[str] | None = None) -> None:
    """The command: what the body did up to the fault."""
    parser = argparse.ArgumentParser(prog="python -m experiments.faults", description="See a fault again.")
    parser.add_argument("file", help="runs/NAME/faults/UPDATE.npz")
    try:
        fate = again(Path(parser.parse_args(arguments).file))
    except USER_ERRORS as error:
        raise SystemExit(str(error)) from None
    for decision, (bad, qpos) in enumerate(zip(*fate, strict=True)):
        print(f"{decision:4} {'failed' if bad else '      '}", *(f"{value:9.4f}" for value in qpos))
    print("It failed again." if fate.bad.any() else "It did not fail again: it depends on the last bits of numbers.")


if __name__ == "__main__":
    main()
