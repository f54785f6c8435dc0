"""How well a brain knows whether it is right: calibration and type-2 discrimination of a confidence."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import rankdata

from agent.errors import ConfigError
from experiments.evaluate import BATCH, STRETCH, mode
from experiments.learning.rollout import begin, rollout
from experiments.run import Run, make_env

BINS = 10


@dataclass(frozen=True)
class Confidence:
    """Of so many judged decisions: how often right, how sure, calibration error, type-2 AUROC with 95 % interval."""

    port: str
    decisions: int
    right: float
    mean: float
    calibration_error: float
    auroc: float
    low: float
    high: float

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def confidence(run: Run, port: str, episodes: int = 256, checkpoint: int | None = None, seed: int = 0) -> Confidence:
    """Of a port that says how likely it is that what is done is right, on test episodes, by the likeliest action.

    A decision is right as the kind `confidence` defines it. The interval is a bootstrap over episodes (Efron 1979).
    """
    horizon = _horizon(run, port)
    said, reward, counts = _lived(run, port, min(episodes, BATCH), checkpoint, seed)
    right, known = outcomes(reward, counts, horizon)
    if not known.any():
        raise ConfigError(
            f"--confidence {port}: no decision of {said.shape[1]} episodes was judged. Take more episodes."
        )
    low, high = _interval(said, right, known)
    sure, truth = said[known], right[known]
    error, area = calibration_error(sure, truth), auroc(sure, truth)
    return Confidence(port, int(known.sum()), float(truth.mean()), float(sure.mean()), error, area, low, high)


def _horizon(run: Run, port: str) -> int:
    run.circuit.check_ports([port], "--confidence")
    found = run.circuit.port(port)
    horizon = getattr(run.circuit.modules.get(port.split(".")[0]), "horizon", None)
    if found.shape != () or found.dtype != "float32" or horizon is None:
        raise ConfigError(
            f"--confidence {port}: that port sends {found}, and its module does not say within how many decisions a "
            "reward proves it right. Name the port 'confidence' of a module of kind confidence."
        )
    return int(horizon)


def outcomes(reward: np.ndarray, counts: np.ndarray, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether each decision was right, and whether that is known, `[T, B]` both.

    reward: `[T, B]`, what followed each decision; counts: `[T, B]`, whether it belongs to the episode. Right is where
    the first reward other than 0 of `horizon` decisions is positive; it stays open where the episode ends before.
    """
    right, known = np.zeros(reward.shape, bool), np.zeros(reward.shape, bool)
    steps = len(reward)
    for ahead in range(horizon):
        later, inside = np.zeros_like(reward), np.zeros_like(counts)
        later[: steps - ahead], inside[: steps - ahead] = reward[ahead:], counts[ahead:]
        settles = counts & ~known & inside & ((later != 0) | (ahead == horizon - 1))
        right |= settles & (later > 0)
        known |= settles
    return right, known


def calibration_error(sure: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """ECE = Σ_b n_b / n |mean right_b - mean sure_b| over equal bins of [0, 1] (Guo, Pleiss, Sun & Weinberger 2017)."""
    which = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = np.bincount(which, sure - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(sure))


def auroc(sure: np.ndarray, right: np.ndarray) -> float:
    """Type-2 AUROC: the chance that a right decision was surer than a wrong one, ties by half (Fleming & Lau 2014).

    By the rank sum (Mann & Whitney 1947); NaN where all are right or all wrong.
    """
    good, bad = int(right.sum()), int((~right).sum())
    if not good or not bad:
        return math.nan
    return float((rankdata(sure)[right].sum() - good * (good + 1) / 2) / (good * bad))


def _interval(said: np.ndarray, right: np.ndarray, known: np.ndarray, resamples: int = 200) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(resamples):
        drawn = rng.integers(0, said.shape[1], said.shape[1])
        kept = known[:, drawn]
        found.append(auroc(said[:, drawn][kept], right[:, drawn][kept]))
    low, high = np.nanquantile(found, [0.025, 0.975]) if np.isfinite(found).any() else (math.nan, math.nan)
    return float(low), float(high)


def _lived(
    run: Run, port: str, batch: int, checkpoint: int | None, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What was said, what followed, and what belongs to each environment's first episode, `[T, B]` each."""
    env, params = make_env(run.setup, batch), run.learner(checkpoint).params
    probes = tuple(dict.fromkeys((port, run.setup.learning.policy)))
    go = jax.jit(lambda life: rollout(run.circuit, env, params, life, STRETCH, probes=probes, actor=mode(run)))
    life = jax.jit(lambda key: begin(run.circuit, env, key))(jax.random.key(2 * seed + 1))
    parts, over = [], jnp.zeros(batch, bool)
    while not over.all():
        life, lived = go(life)
        before = over | jnp.concatenate([jnp.zeros((1, batch), bool), jnp.cumsum(lived.ends, axis=0)[:-1] > 0])
        parts.append([np.asarray(x) for x in (lived.trace[port], lived.reward, ~before)])
        over |= lived.ends.any(axis=0)
    said, reward, counts = (np.concatenate(x) for x in zip(*parts, strict=True))
    return said, reward, counts
