"""The training loop, from top to bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from envs.base import metric
from envs.baselines import baseline
from envs.foreign import Foreign
from envs.registry import EnvError
from experiments.errors import RunError
from experiments.faults import report
from experiments.learning.ppo import Learner
from experiments.metrics import Metrics
from experiments.progress import Progress
from experiments.run import Run, describe


def train(run: Run, *, resume: bool = False, progress: Progress | None = None) -> Learner:
    """Trains until `total_decisions`, from the start or from the newest checkpoint; returns what was learned.

    Killed at any moment and resumed, it ends bit for bit where it would have ended (on the CPU), but for Gymnasium
    environments, whose state cannot be saved.
    Raises RunError where a loss or reward is not a number; the checkpoints from before stay.
    """
    progress = progress or Progress(quiet=True)
    setup, ppo = run.setup, run.ppo
    per_update = setup.learning.environments * setup.learning.steps
    with run.lock(), _explained(run):
        describe(run)
        run.checkpoints.tidy()
        learner = start(run, resume)
        if resume and isinstance(run.env, Foreign):
            progress.warn(
                f"{run.path}: {run.env.name} cannot be saved, so new episodes begin: this will not end bit for bit "
                "where an uninterrupted training would have ended."
            )
        done = int(learner.updates)
        metrics = Metrics(run.path, done)
        update = jax.jit(ppo.update, donate_argnums=0)
        progress.start(done * per_update, setup.updates * per_update)
        try:
            while done < setup.updates:
                before = time.perf_counter()
                learner, row = update(learner, run.circuit.frozen)
                fault = row.pop("fault")
                row = {name: float(value) for name, value in row.items()}
                done += 1
                check_finite(run, done, row)
                if row["bad"]:
                    report(run, done, int(row["bad"]), fault)
                row = _row(run, done, done * per_update, row, time.perf_counter() - before)
                metrics.add(row)
                progress.advance(row)
                if done % setup.checkpoint_every == 0 or done == setup.updates:
                    metrics.flush()
                    run.checkpoints.save(done, learner, run.circuit.digests)
        finally:
            progress.stop()
            metrics.close()
    return learner


@contextmanager
def _explained(run: Run) -> Iterator[None]:
    """Turns what the machine cannot do into errors with a remedy."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{run.path} cannot be written: {error}. Make room, then go on with --resume {run.path}"
        ) from error
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise RunError(
            f"{run.path}: out of memory. Lower learning.environments, or raise learning.minibatches."
        ) from error


def start(run: Run, resume: bool) -> Learner:
    """The learner to begin with: fresh, or from the newest checkpoint if there is one."""
    if resume and run.checkpoints.latest() is not None:
        return run.learner()
    return jax.jit(run.ppo.init)(jax.random.key(2 * run.setup.seed))  # training seeds are even, test seeds odd


def check_finite(run: Run, update: int, row: dict[str, float]) -> None:
    """Stops a training whose numbers have gone bad, before they reach a checkpoint."""
    bad = sorted(name for name, value in row.items() if not math.isfinite(value))
    if not bad:
        return
    rewards = [name for name in bad if name.startswith("reward/")]
    kept = run.checkpoints.latest()
    if rewards:
        remedy = f"The task {run.setup.world!r} gave a reward that is not a number; mend its term {rewards[0]!r}."
    else:
        remedy = "Try a lower learning.rate or learning.max_gradient, or look for a module whose output explodes."
    raise RunError(
        f"{run.path}: {', '.join(bad[:4])} {'is' if len(bad) == 1 else 'are'} not finite in update {update} "
        f"(seed {run.setup.seed}). {remedy} "
        + (f"Checkpoint {kept} from before is kept." if kept is not None else "No checkpoint was written yet.")
    )


def _row(run: Run, update: int, decisions: int, values: dict[str, float], seconds: float) -> dict[str, float]:
    """A row of metrics.csv. Where the metric is not the return, `return` is the reward per episode that ended.

    A metric that is a measure of many episodes (`envs.measures`) is not followed: the score is then NaN.
    """
    episodes, total, reward = (values.pop(name) for name in ("episodes", "metric", "reward"))
    mean, name = total / episodes if episodes else math.nan, metric(run.env)
    if name != "return" and f"reward/{name}" not in values:
        head = {"update": update, "decisions": decisions, "seconds": seconds, "episodes": episodes, "return": mean}
        return {**head, "score": math.nan, **values}
    head = {"update": update, "decisions": decisions, "seconds": seconds, "episodes": episodes}
    head |= (
        {"return": mean} if name == "return" else {"return": reward / episodes if episodes else math.nan, name: mean}
    )
    return {**head, "score": score(run.setup.world, mean), **values}


def score(task: str, mean: float) -> float:
    """The mean of a task's metric between null (0) and oracle (1); NaN for a task without stored baseline."""
    try:
        return float(baseline(task).score(mean))
    except EnvError:
        return math.nan


def curve(rows: list[dict[str, float]], column: str = "score", points: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Decisions and the mean of a metric in `points` equal stretches, without the empty ones."""
    rows = [r for r in rows if math.isfinite(r[column])]
    if not rows:
        return np.zeros(0), np.zeros(0)
    at, values = np.array([[r["decisions"], r[column]] for r in rows]).T
    parts: Any = np.array_split(np.arange(len(rows)), min(points, len(rows)))
    return np.array([at[p].mean() for p in parts]), np.array([values[p].mean() for p in parts])
