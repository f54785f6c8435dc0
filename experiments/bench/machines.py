"""`bench machines`: learning Gymnasium's machines beside Stable-Baselines3's PPO, the same job for both."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.bench.timing import peer
from experiments.config import composed, experiment
from experiments.learning.ppo import Ppo, PpoConfig
from experiments.learning.rollout import begin, rollout
from experiments.run import circumstances, make_env, ports
from experiments.scores import interval

EPISODES = 64
WHO = ("ours", "Stable-Baselines3")
TASKS = {"half_cheetah": "HalfCheetah-v5", "ant": "Ant-v5"}


def bench(decisions: int, seeds: int, output: str | None, say: Callable[[str], None]) -> dict[str, Any]:
    """Mean return of unseen episodes after so many decisions, and decisions per CPU-second of training, per seed.

    Observation (normalised by running statistics), network, batch, epochs and rates are the same. The two take turns;
    what `output` already holds is not done again.
    """
    peer("stable_baselines3")
    file = Path(output) if output else None
    rows: list[dict[str, Any]] = json.loads(file.read_text())["rows"] if file and file.exists() else []
    for seed in range(seeds):
        for task in TASKS:
            for name, learn in zip(WHO, (ours, theirs), strict=True):
                if any((r["task"], r["seed"], r["who"], r["decisions"]) == (task, seed, name, decisions) for r in rows):
                    continue
                say(f"{task}, seed {seed}, {name} ...")
                rows.append(
                    {"task": task, "seed": seed, "who": name, "decisions": decisions, **learn(task, seed, decisions)}
                )
                if file:
                    file.write_text(json.dumps(summary(rows), indent=2) + "\n")
    return summary(rows)


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean returns with 95 % bootstrap intervals over seeds, and medians of the ratios of speed."""
    found: dict[str, Any] = {}
    for task in TASKS:
        by = {who: {r["seed"]: r for r in rows if (r["task"], r["who"]) == (task, who)} for who in WHO}
        both = sorted(by[WHO[0]].keys() & by[WHO[1]].keys())
        if both:
            speed = [by[WHO[0]][s]["per_cpu_second"] / by[WHO[1]][s]["per_cpu_second"] for s in both]
            returns = {who: _mean([of[s]["return"] for s in both]) for who, of in by.items()}
            found[task] = {"returns": returns, "speed ratio": float(np.median(speed)), "seeds": both}
    return {"machines": found, "rows": list(rows), "versions": _versions(), "measured": circumstances()}


def _mean(returns: list[float]) -> dict[str, float]:
    low, high = interval(np.array(returns))
    return {"mean": float(np.mean(returns)), "low": low, "high": high}


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("stable-baselines3", "torch", "gymnasium", "mujoco")}


def ours(task: str, seed: int, decisions: int) -> dict[str, float]:
    """Trains `agent=reflex`, and acts with the means of its policy."""
    import agent
    from agent.motor import policy

    words = ["experiment=machine", f"task={task}", f"seed={seed}", f"total_decisions={decisions}", "env.threads=1"]
    setup = experiment(composed(words))
    c = setup.learning
    env = make_env(setup, c.environments)
    circuit = agent.build(setup.agent, *ports(env))
    ppo = Ppo(c, circuit, env, setup.updates)
    learner, update = jax.jit(ppo.init)(jax.random.key(2 * seed)), jax.jit(ppo.update)
    jax.block_until_ready(update(learner))  # compiled before the clock runs
    cpu = time.process_time()
    for _ in range(setup.updates):
        learner, _ = update(learner)
    jax.block_until_ready(learner)
    cpu = time.process_time() - cpu
    test = make_env(setup, EPISODES)
    actor = lambda trace: policy.mode(trace[c.policy])  # noqa: E731
    act = jax.jit(lambda life: rollout(circuit, test, learner.params, life, 1000, probes=(c.policy,), actor=actor))
    _, lived = act(begin(circuit, test, jax.random.key(2 * seed + 1)))
    alive = np.cumsum(np.asarray(lived.ends), axis=0) - np.asarray(lived.ends) == 0  # the first episode of each
    returns = (np.asarray(lived.reward) * alive).sum(0)
    return {"return": float(returns.mean()), "per_cpu_second": setup.updates * c.environments * c.steps / cpu}


def theirs(task: str, seed: int, decisions: int) -> dict[str, float]:
    """The same with Stable-Baselines3, its `VecNormalize` in the place of our normaliser and scale of rewards."""
    import gymnasium
    import torch  # pyright: ignore[reportMissingImports]
    from stable_baselines3 import PPO  # pyright: ignore[reportMissingImports]
    from stable_baselines3.common.evaluation import evaluate_policy  # pyright: ignore[reportMissingImports]
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize  # pyright: ignore[reportMissingImports]

    from experiments.bench.sb3 import Trunk

    torch.set_num_threads(1)
    c: PpoConfig = experiment(composed(["experiment=machine", f"task={task}"])).learning
    make = lambda: gymnasium.make(TASKS[task])  # noqa: E731
    worlds = VecNormalize(DummyVecEnv([make] * c.environments), gamma=c.discount)
    learner = PPO(
        "MlpPolicy",
        worlds,
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
        policy_kwargs={
            "features_extractor_class": Trunk,
            "features_extractor_kwargs": {"width": 64},
            "net_arch": [64],
            "log_std_init": math.log(0.6),
        },
        seed=seed,
        device="cpu",
    )
    cpu = time.process_time()
    learner.learn(decisions)
    cpu = time.process_time() - cpu
    worlds.training, worlds.norm_reward = False, False
    mean, _ = evaluate_policy(learner, worlds, n_eval_episodes=EPISODES)
    return {"return": float(np.mean(mean)), "per_cpu_second": decisions / cpu}
