"""`bench peers`: training of the GRU-128 brain beside sb3-contrib's RecurrentPPO on the same Gymnasium environment."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import jax

from experiments.bench.timing import peer
from experiments.config import composed, experiment
from experiments.learning.ppo import Ppo
from experiments.run import circumstances, make_env, ports


def bench(turns: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Decisions per CPU-second of both, alternating; the peer on eight single environments of the same world."""
    import agent

    rival = _peer()
    setup = experiment(composed(["agent=gru"]))
    env = make_env(setup, setup.learning.environments)
    ppo = Ppo(setup.learning, agent.build(setup.agent, *ports(env)), env, setup.updates)
    update = jax.jit(ppo.update)
    learner = jax.jit(ppo.init)(jax.random.key(0))
    units = setup.learning.environments * setup.learning.steps
    jax.block_until_ready(update(learner))
    steps = rival.n_steps * rival.n_envs
    rival.learn(steps)
    ours, theirs = [], []
    for turn in range(turns):
        cpu = time.process_time()
        learner, _ = update(learner)
        jax.block_until_ready(learner)
        ours.append(units / (time.process_time() - cpu))
        cpu = time.process_time()
        rival.learn(steps, reset_num_timesteps=False)
        theirs.append(steps / (time.process_time() - cpu))
        say(f"turn {turn + 1}: ours {ours[-1]:,.0f}, RecurrentPPO {theirs[-1]:,.0f} decisions per CPU-second")
    ours, theirs = sorted(ours), sorted(theirs)
    middle = turns // 2
    return {
        "per_cpu_second": {"ours": ours[middle], "sb3-contrib RecurrentPPO": theirs[middle]},
        "ratio": ours[middle] / theirs[middle],
        "turns": turns,
        "peer": {name: version(name) for name in ("sb3-contrib", "stable-baselines3", "torch")},
        "measured": circumstances(),
    }


def _peer() -> Any:
    recurrent = peer("sb3_contrib").RecurrentPPO
    import gymnasium
    from stable_baselines3.common.vec_env import DummyVecEnv  # pyright: ignore[reportMissingImports]

    import envs.gym  # noqa: F401 -- registers the environments

    worlds = DummyVecEnv([lambda: gymnasium.make("scrubjay/Forage-v0") for _ in range(8)])
    sizes = {"lstm_hidden_size": 128, "n_lstm_layers": 1}
    return recurrent(
        "MultiInputLstmPolicy", worlds, n_steps=64, batch_size=128, n_epochs=3, policy_kwargs=sizes, device="cpu"
    )
