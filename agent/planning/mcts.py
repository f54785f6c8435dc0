"""Planning by tree search over a few moves."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from agent.config import option
from agent.errors import ConfigError
from agent.planning.model import Model
from agent.planning.planner import Plan, Planner, PlannerConfig
from agent.ports import Ports
from agent.registry import register

MOST = 81
"""Moves that a tree may branch into."""


@register("mcts")
@dataclass(frozen=True)
class MctsConfig(PlannerConfig):
    """Gumbel MuZero (Danihelka et al. 2022) by the library mctx; needs extra `planning`.

    The moves are all actions whose every component is one of `levels` from -1 to 1; none is likelier than another
    beforehand, and no noise is added at the root: the plan is advice, and whoever follows it explores. The tree is not
    kept from one plan to the next.
    """

    levels: int = option(3, "values that a component of the action takes", low=2)
    simulations: int = option(32, "nodes that a search adds to its tree", low=1)

    def ports(self, inputs: Ports) -> Ports:
        moves = self.levels ** inputs["action"].shape[0]
        if moves > MOST:
            raise ValueError(
                f"levels: {self.levels} of each number of the action make {moves} moves, not {MOST}. Lower it."
            )
        return super().ports(inputs)


class Mcts(Planner[MctsConfig]):
    """The uncertainty is the deviation of the values of the first moves around the best, by their visits."""

    @property
    def moves(self) -> np.ndarray:
        """All moves, `[M, A]`."""
        (actions,) = self.inputs["action"].shape
        return np.array([*product(np.linspace(-1.0, 1.0, self.config.levels), repeat=actions)], np.float32)

    def search(self, model: Model, latent: jax.Array, plan: jax.Array, key: jax.Array) -> Plan:
        mctx, moves = _mctx(), jnp.asarray(self.moves)
        rows, discount = latent.shape[0], jnp.full(latent.shape[0], self.config.discount)
        even = jnp.zeros((rows, len(moves)))

        def step(model: Any, key: jax.Array, move: jax.Array, latent: jax.Array) -> tuple[Any, jax.Array]:
            ahead = model.imagine(latent, moves[move])
            found = {"reward": ahead.reward, "discount": discount, "value": model.value(ahead.latent)}
            return mctx.RecurrentFnOutput(prior_logits=even, **found), ahead.latent

        found = mctx.gumbel_muzero_policy(
            model,
            jax.random.key(0),  # not used, without noise
            mctx.RootFnOutput(prior_logits=even, value=model.value(latent), embedding=latent),
            step,
            self.config.simulations,
            max_depth=self.config.horizon,
            max_num_considered_actions=len(moves),
            gumbel_scale=0.0,
        )
        summary = found.search_tree.summary()
        value = jnp.take_along_axis(summary.qvalues, found.action[:, None], axis=1)
        apart = jnp.square(summary.qvalues - value) * summary.visit_probs
        line = _line(found.search_tree, found.action, self.config.horizon)
        actions = jnp.where(line[:, :, None] >= 0, moves[line], 0.0)
        return Plan(actions, value[:, 0], jnp.sqrt(apart.sum(axis=1)))


def _line(tree: Any, first: jax.Array, horizon: int) -> jax.Array:
    """The moves from the root along the most visited nodes `[N, H]`, -1 beyond the tree."""
    rows = jnp.arange(first.shape[0])

    def follow(at: tuple[jax.Array, jax.Array], _: None) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        node, move = at
        child = jnp.where(move >= 0, tree.children_index[rows, node, move], -1)
        visits = tree.children_visits[rows, child]
        after = jnp.where((child >= 0) & (visits.max(axis=1) > 0), visits.argmax(axis=1), -1)
        return (child, after), move

    start = (jnp.zeros_like(first), first)
    return jax.lax.scan(follow, start, None, length=horizon)[1].T


def _mctx() -> Any:
    try:
        return importlib.import_module("mctx")
    except ImportError as error:
        raise ConfigError(f"kind 'mcts' needs mctx ({error}). Install it: pip install 'scrubjay[planning]'") from error
