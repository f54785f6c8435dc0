"""PPO: against rlax, by hand, and against itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.config import composed, experiment
from experiments.learning.ppo import Ppo, PpoConfig, _episodes, advantages
from experiments.run import Run
from tests.experiments.conftest import TINY

SWAPS = [
    (),
    ("agent/motor=spiking",),
    ("agent/fusion=attention", "agent.modules.association.features=8"),
    ("agent/retina=transformer", "agent.modules.retina.features=8"),
    ("agent/memory=none", "agent/working=none"),
    ("agent=gru",),
]


def ppo_of(overrides: Sequence[str]) -> Ppo:
    tiny = [t for t in TINY if t.startswith("learning")]
    return Run(Path("unused"), experiment(composed([*tiny, "total_decisions=640", *overrides]))).ppo


@pytest.mark.parametrize(("metric", "ended", "running"), [("right", 2.0, [1.0, 0.0]), ("return", 2.7, [1.0, 0.5])])
def test_episodes_are_summed_by_the_metric(metric: str, ended: float, running: list[float]) -> None:
    """By hand: environment 0 ends an episode at time 1, after 1 from before; environment 1 at time 0."""
    reward = jnp.array([[0.0, -0.3], [1.0, 0.0], [1.0, 0.5]])
    lived: Any = SimpleNamespace(
        reward=reward,
        terms={"right": jnp.where(reward == 1.0, 1.0, 0.0)},
        ends=jnp.array([[False, True], [True, False], [False, False]]),
        bad=jnp.zeros((3, 2), bool),
    )
    env: Any = SimpleNamespace(task=SimpleNamespace(metric=metric))
    before = jnp.array([1.0, 0.0 if metric == "right" else 1.0])
    found, sums = _episodes(env, before, lived)
    np.testing.assert_allclose(found, running)
    assert (float(sums["metric"]), int(sums["episodes"])) == (pytest.approx(ended), 2)
    assert float(sums["reward"]) == pytest.approx(2.2)


def test_advantages_equal_rlax_where_no_episode_ends() -> None:
    import rlax

    rng = np.random.default_rng(0)
    reward, value = rng.normal(size=(9, 4)), rng.normal(size=(10, 4))
    discount = (rng.random((9, 4)) > 0.2).astype(float)
    lived: Any = SimpleNamespace(
        reward=jnp.array(reward),
        discount=jnp.array(discount),
        ends=jnp.zeros((9, 4), bool),
        trace={"v": jnp.array(value[:-1])},
    )
    config = PpoConfig(value="v", discount=0.9, trace=0.7)
    ours, target = advantages(config, lived, jnp.array(value[-1]))
    theirs = jax.vmap(rlax.truncated_generalized_advantage_estimation, in_axes=(1, 1, None, 1), out_axes=1)(
        jnp.array(reward), 0.9 * jnp.array(discount), 0.7, jnp.array(value)
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    np.testing.assert_allclose(target, ours + value[:-1], atol=1e-6)


def test_advantages_by_hand_where_an_episode_is_cut_off() -> None:
    """Rewards 1, 2, 3; the episode is cut off after the first and its last value 10 counts; γ = λ = 1/2."""
    lived: Any = SimpleNamespace(
        reward=jnp.array([[1.0], [0.0], [3.0]]),
        discount=jnp.ones((3, 1)),
        ends=jnp.array([[True], [False], [False]]),
        trace={"v": jnp.array([[4.0], [10.0], [2.0]])},
    )
    found, _ = advantages(PpoConfig(value="v", discount=0.5, trace=0.5), lived, jnp.array([6.0]))
    last = 3 + 0.5 * 6 - 2
    middle = 0 + 0.5 * 2 - 10 + 0.25 * last
    first = 1 + 0.5 * 10 - 4  # nothing of what follows the cut
    np.testing.assert_allclose(found[:, 0], [first, middle, last])


@pytest.mark.parametrize(
    "overrides",
    [*SWAPS[:3], *(pytest.param(swap, marks=pytest.mark.slow) for swap in SWAPS[3:])],
    ids=[" ".join(s) or "default" for s in SWAPS],
)
def test_learning_sees_what_acting_did_and_every_swap_learns(overrides: Sequence[str]) -> None:
    """With one group and one pass the weights are still those that acted: the divergence is 0, for every brain."""
    ppo = ppo_of((*overrides, "learning.minibatches=1"))
    learner = jax.jit(ppo.init)(jax.random.key(0))
    after, metrics = jax.jit(ppo.update)(learner)
    assert not metrics["bad"]
    assert all(np.isfinite(float(v)) for name, v in metrics.items() if name != "fault")
    assert abs(float(metrics["policy/kl"])) < 1e-6
    moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), learner.params, after.params)
    assert [m for m in moved if max(jax.tree.leaves(moved[m]), default=1.0) == 0.0] == []


def test_a_loss_of_a_module_is_added_by_name() -> None:
    ppo = ppo_of(("learning.minibatches=1", "learning.losses={v1.rate_loss: 2.0}"))
    _, metrics = jax.jit(ppo.update)(jax.jit(ppo.init)(jax.random.key(0)))
    parts = [float(metrics[f"loss/{name}"]) for name in ("policy", "value", "entropy", "v1.rate_loss")]
    assert parts[-1] > 0
    np.testing.assert_allclose(float(metrics["loss"]), sum(parts), rtol=1e-5)


def test_seeds_can_be_vmapped() -> None:
    ppo = ppo_of(("agent=gru",))
    keys = jax.random.split(jax.random.key(3), 2)
    together, metrics = jax.jit(jax.vmap(ppo.update))(jax.jit(jax.vmap(ppo.init))(keys))
    one, init = jax.jit(ppo.update), jax.jit(ppo.init)
    for i in range(2):
        alone, row = one(init(keys[i]))
        for a, b in zip(jax.tree.leaves(alone.params), jax.tree.leaves(together.params), strict=True):
            np.testing.assert_allclose(a, b[i], atol=2e-5)
        np.testing.assert_allclose(row["reward/good"], metrics["reward/good"][i], atol=1e-6)
