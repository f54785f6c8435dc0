"""Scripted policies of REVERSAL: a Bayesian observer, and those that cannot learn or unlearn."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp

from envs.scripted import Policy, View, steer

if TYPE_CHECKING:
    from envs.tasks.reversal import Reversal, ReversalState

_SURE = 1e-3  # no outcome is taken to be less likely
_SHIFT = 0.25  # of a change of rule, where there are shifts


class _Belief(NamedTuple):
    trial: jax.Array  # [] int32, of the last update
    rule: jax.Array  # [4], probability of each


def observers(task: Reversal) -> dict[str, Policy]:
    """`bayes` infers the rule from its choices and rewards alone, knowing when a change is due, and how likely."""
    return {"bayes": _bayes(task)}


def learners_of_nothing() -> dict[str, Policy]:
    """`guess` takes either thing in each trial; `persevering` keeps for ever to what was good in the first trial."""
    return {"guess": _guess(), "persevering": _persevering()}


def after(task: Reversal, rule: jax.Array, state: ReversalState) -> jax.Array:
    """Posterior `[4]` of the rule that holds now, from that of the rule that held in the trial before.

    Bayes' rule for the choice and its reward, then a change with the probability that it is known to have had.
    """
    colour, shape = state.chosen
    fits = jnp.stack([colour == 0, colour == 1, shape == 0, shape == 1])
    likely = jnp.where(fits == state.rewarded, task.reliable, 1 - task.reliable)
    rule = rule * jnp.where(colour < 0, 1.0, jnp.maximum(likely, _SURE))
    rule = rule / rule.sum()
    turned = rule[jnp.array([1, 0, 3, 2])]
    if task.shift:
        other = jnp.repeat(jnp.stack([rule[2:].sum(), rule[:2].sum()]) / 2, 2)
        turned = (1 - _SHIFT) * turned + _SHIFT * other
    return (1 - state.hazard) * rule + state.hazard * turned


def _bayes(task: Reversal) -> Policy:
    def act(state: _Belief, view: View, key: jax.Array) -> tuple[_Belief, jax.Array]:
        del key
        seen = view.task
        new = seen.clock.trial != state.trial
        rule = jnp.where(new & (seen.clock.trial > 0), after(task, state.rule, seen), state.rule)
        return _Belief(seen.clock.trial, rule), _go(view, left_is_better(rule, seen.left))

    return Policy(lambda key: _Belief(jnp.int32(0), jnp.full(4, 0.25)), act)


def left_is_better(rule: jax.Array, left: jax.Array) -> jax.Array:
    """`[]` bool, whether the thing of that colour and shape is at least as likely to be the good one as the other."""
    colour, shape = left
    worth = jnp.where(colour == 0, rule[0], rule[1]) + jnp.where(shape == 0, rule[2], rule[3])
    return worth >= 0.5


class _Guess(NamedTuple):
    trial: jax.Array  # [] int32
    left: jax.Array  # [] bool


def _guess() -> Policy:
    def act(state: _Guess, view: View, key: jax.Array) -> tuple[_Guess, jax.Array]:
        new = view.task.clock.trial != state.trial
        left = jnp.where(new, jax.random.bernoulli(key), state.left)
        return _Guess(view.task.clock.trial, left), _go(view, left)

    return Policy(lambda key: _Guess(jnp.int32(-1), jnp.bool_(False)), act)


def _persevering() -> Policy:
    def act(state: jax.Array, view: View, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        del key
        rule = jnp.where(state < 0, view.task.rule, state)
        return rule, _go(view, left_is_better(jax.nn.one_hot(rule, 4), view.task.left))

    return Policy(lambda key: jnp.int32(-1), act)


def _go(view: View, left: jax.Array) -> jax.Array:
    return steer(view.pose, view.scene.things.position[jnp.where(left, 0, 1)])
