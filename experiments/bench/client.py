"""`bench client`: Stable-Baselines3's PPO learns FORAGE through our Gymnasium vector environment.

Beside it our own PPO trains a brain without memory for as many decisions, with the same numbers where both have them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from envs.baselines import baseline
from experiments.bench.timing import peer
from experiments.config import Experiment, composed, experiment
from experiments.evaluate import play
from experiments.run import Run, circumstances
from experiments.scores import interval

TASK, WORLD = "forage", "scrubjay/Forage-v0"
OURS = ("agent=gru", "agent/working=none")
EPISODES = 512
TEST = 256  # environments of the test


def bench(decisions: int, seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Scores of both after so many decisions, one per seed, on test seeds."""
    contestants = {"Stable-Baselines3 PPO": _sb3(), "ours, without memory": _ours}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in contestants}
    for seed in range(seeds):
        for name, returns in contestants.items():
            values = [*OURS, f"seed={seed}", f"total_decisions={decisions}", "env.threads=1"]
            cpu = time.process_time()
            figures = _score(returns(experiment(composed(values))))
            found[name].append({"seed": seed, **figures, "cpu_seconds": time.process_time() - cpu})
            say(f"seed {seed}: {name} {figures['score']:.3f} [{figures['low']:.3f}, {figures['high']:.3f}]")
    ends = baseline(TASK)
    return {
        "scores": found,
        "null": ends.null,
        "oracle": ends.oracle,
        "task": TASK,
        "decisions": decisions,
        "ours": list(OURS),
        "peer": {name: version(name) for name in ("stable-baselines3", "torch")},
        "measured": circumstances(),
    }


def _score(returns: np.ndarray) -> dict[str, float]:
    score = baseline(TASK).score
    low, high = interval(returns)
    return {"score": float(score(returns.mean())), "low": float(score(low)), "high": float(score(high))}


def _ours(setup: Experiment) -> np.ndarray:
    """Returns of test episodes after training ours."""
    run = Run(Path(), setup)  # nothing is written
    learner = jax.jit(run.ppo.init)(jax.random.key(2 * setup.seed))
    update = jax.jit(run.ppo.update, donate_argnums=0)
    for _ in range(setup.updates):
        learner, _ = update(learner)
    return play(run, learner.params, EPISODES).values


def _sb3() -> Callable[[Experiment], np.ndarray]:
    """Training and test of Stable-Baselines3's PPO; RunError where it is not installed."""
    learner = peer("stable_baselines3").PPO
    from experiments.bench.sb3 import Batch

    def returns(setup: Experiment) -> np.ndarray:
        c = setup.learning
        model = learner(
            "MultiInputPolicy",
            Batch(WORLD, c.environments, 2 * setup.seed, threads=1),
            learning_rate=lambda left: c.rate * left,
            n_steps=c.steps,
            batch_size=c.environments * c.steps // c.minibatches,
            n_epochs=c.epochs,
            gamma=c.discount,
            gae_lambda=c.trace,
            clip_range=c.clip,
            ent_coef=c.entropy_weight,
            vf_coef=c.value_weight / 2,  # its squared error lacks the half of ours
            max_grad_norm=c.max_gradient,
            policy_kwargs={"net_arch": [128, 128], "log_std_init": math.log(0.6)},
            seed=setup.seed,
            device="cpu",
        )
        model.learn(setup.updates * c.environments * c.steps)
        return _test(model, Batch(WORLD, TEST, 2 * setup.seed + 1, threads=1))

    return returns


def _test(model: Any, world: Any) -> np.ndarray:
    """Returns of the first episodes of test seeds, taking the likeliest action."""
    found = []
    for _ in range(math.ceil(EPISODES / TEST)):
        seen, total, over = world.reset(), np.zeros(TEST), np.zeros(TEST, bool)
        while not over.all():
            action, _ = model.predict(seen, deterministic=True)
            seen, reward, done, _ = world.step(action)
            total += np.where(over, 0.0, reward)
            over |= done
        found.append(total)
    return np.concatenate(found)[:EPISODES]
