"""What is counted of REVERSAL's trials, and what of the counts is told."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

_FOLLOWED = 8  # trials after a reversal that are told apart
_SCORED = slice(1, 5)  # of those: the first five but the very first, in which nobody can know


class Counts(NamedTuple):
    """What an episode leaves behind; numbers of trials."""

    right: jax.Array  # [8] int32, right choices in the first trials after a reversal, by their place
    followed: jax.Array  # [8] int32, such trials
    shifted: jax.Array  # [2] int32, right choices in the scored trials after the shift, and such trials
    errors: jax.Array  # [2, 2] int32, until the criterion was met: for the first rule, for later ones; before and
    # after the first right choice
    learned: jax.Array  # [2] int32, rules whose criterion was met: of first ones, of later ones
    reversals: jax.Array  # [] int32
    correct: jax.Array  # [] int32
    omitted: jax.Array  # [] int32, trials without a choice


class Trial(NamedTuple):
    """One trial, as it is counted; of one environment."""

    place: jax.Array  # [] int32, trials done before it under its rule
    right: jax.Array  # [] bool
    touched: jax.Array  # [] bool, something was chosen
    errors: jax.Array  # [2] int32, under its rule so far, see `Counts`
    met: jax.Array  # [] bool, the criterion is met with this one
    changes: jax.Array  # [] bool, the rule turns round after it
    after_shift: jax.Array  # [] bool, its rule is the first after an extra-dimensional shift


def nothing() -> Counts:
    """The counts of an episode that begins."""
    zero = lambda *shape: jnp.zeros(shape, jnp.int32)  # noqa: E731
    return Counts(zero(_FOLLOWED), zero(_FOLLOWED), zero(2), zero(2, 2), zero(2), zero(), zero(), zero())


def counted(counts: Counts, trial: Trial) -> Counts:
    """The counts with one more trial."""
    right, shifted = trial.right, trial.after_shift
    later = jnp.int32(counts.reversals > 0)
    here = (jnp.arange(_FOLLOWED) == trial.place) & (later > 0)
    scored = here[_SCORED].any() & shifted
    here &= ~shifted
    return Counts(
        right=counts.right + (here & right),
        followed=counts.followed + here,
        shifted=counts.shifted + jnp.stack([scored & right, scored]),
        errors=counts.errors.at[later].add(jnp.where(trial.met & ~shifted, trial.errors, 0)),
        learned=counts.learned.at[later].add(trial.met & ~shifted),
        reversals=counts.reversals + trial.changes,
        correct=counts.correct + right,
        omitted=counts.omitted + ~trial.touched,
    )


def measures(record: dict[str, np.ndarray], trials: int) -> dict[str, float]:
    """Parts of right choices, and errors of either kind per rule learned, of many episodes of so many trials."""
    right, followed = record["right"].sum(0), record["followed"].sum(0)
    errors, learned = record["errors"].sum(0), record["learned"].sum(0)
    episodes = len(record["correct"])
    return {
        "after_reversal": part(right[_SCORED].sum(), followed[_SCORED].sum()),
        **{f"after_{n + 1}": part(right[n], followed[n]) for n in range(5)},
        "errors_first_rule": part(errors[0].sum(), learned[0]),
        "errors_later_rules": part(errors[1].sum(), learned[1]),
        "perseverative": part(errors[1, 0], learned[1]),
        "regressive": part(errors[1, 1], learned[1]),
        "reversals": part(record["reversals"].sum(), episodes),
        "correct": part(record["correct"].sum(), episodes * trials),
        "omitted": part(record["omitted"].sum(), episodes * trials),
    }


def part(some: Any, of: Any) -> float:
    """A ratio, NaN where there is nothing to divide by."""
    return float(some / of) if of else float("nan")
