"""REVERSAL: when the rule turns round, what is counted, and the Bayesian observer against plain enumeration."""

from __future__ import annotations

from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs.choosing import after, left_is_better
from envs.registry import EnvError
from envs.scene import COLOURS, SHAPES, Pose
from envs.tasks.reversal import _PLACES, SPLITS, Reversal, ReversalState, good

BODY = envs.bodies()["roller"]()
NUMBER = 1500


def drawn(task: Reversal) -> ReversalState:
    keys = jax.random.split(jax.random.key(3), NUMBER)
    return jax.jit(jax.vmap(lambda key: task.reset(key, BODY)[0]))(keys)


def judged(task: Reversal, state: ReversalState, rights: Any) -> ReversalState:
    """After trials with these choices, right or wrong, `[B, T]` or `[T]` bool."""
    rights = jnp.broadcast_to(jnp.asarray(rights), (NUMBER, np.shape(rights)[-1])).T

    def trial(state: ReversalState, given: Any) -> Any:
        right, key = given
        yes, none = jnp.ones(NUMBER, bool), jnp.full((NUMBER, 2), -1)
        step = jax.vmap(task._judged)
        state = step(state, right, yes, none, right, jax.random.split(key, NUMBER))
        return state, (state.counts.reversals, state.rule)

    state, trace = jax.jit(
        lambda s: jax.lax.scan(trial, s, (rights, jax.random.split(jax.random.key(1), len(rights))))
    )(state)
    judged.trace = jax.device_get(trace)  # type: ignore[attr-defined]
    return jax.device_get(state)


def test_the_rule_turns_0_to_3_trials_after_7_right_ones() -> None:
    """After seven right choices in a row: with each of the next four trials a quarter of all episodes."""
    task = Reversal()
    start = drawn(task)
    state = judged(task, start, [True] * 10)
    reversals, rules = judged.trace  # type: ignore[attr-defined]
    turned = np.diff(np.concatenate([np.zeros((1, NUMBER), int), reversals]), axis=0).sum(1) / NUMBER
    np.testing.assert_array_equal(turned[:6], 0)
    np.testing.assert_allclose(turned[6:10], 0.25, atol=0.04)
    assert np.all(state.counts.reversals == 1)
    np.testing.assert_array_equal(rules[-1], np.asarray(start.rule) ^ 1)  # the other of the same dimension
    assert np.all(state.counts.learned[:, 0] == 1)


def test_errors_are_counted_until_the_rule_is_learned() -> None:
    """Wrong, wrong, right, wrong, then right: two before and one after the first right choice, of the first rule."""
    state = judged(Reversal(), drawn(Reversal()), [False, False, True, False] + [True] * 5)
    assert np.all(state.counts.errors == 0)  # six of the last eight
    state = judged(Reversal(), drawn(Reversal()), [False, False, True, False] + [True] * 6)
    assert np.all(state.counts.errors == [[2, 1], [0, 0]])
    assert np.all(state.counts.learned == [1, 0])


def test_places_after_a_reversal() -> None:
    """Those that turn at once, after the seventh: wrong, wrong, right in places 1 to 3."""
    state = judged(Reversal(), drawn(Reversal()), [True] * 7 + [False, False, True])
    at_once = judged.trace[0][6] == 1  # type: ignore[attr-defined]
    assert np.all(state.counts.right[at_once] == [0, 0, 1, 0, 0, 0, 0, 0])
    assert np.all(state.counts.followed[at_once] == [1, 1, 1, 0, 0, 0, 0, 0])
    found = Reversal().measures({n: np.asarray(v)[at_once] for n, v in state.counts._asdict().items()})
    assert (found["after_1"], found["after_2"], found["after_3"]) == (0, 0, 1)
    assert found["after_reversal"] == 0.5  # the very first is left out
    assert np.isnan(found["after_4"])
    assert found["correct"] == pytest.approx(8 / 40)


def test_a_shift_changes_the_dimension() -> None:
    task = Reversal(shift=1.0, before=0, trials=60)
    start = drawn(task)
    state = judged(task, start, [True] * 10 + [True, False])
    assert (np.asarray(state.rule) // 2 != np.asarray(start.rule) // 2).all()
    assert np.all(state.counts.followed == 0)  # not counted as a reversal's
    assert np.all(state.counts.shifted[:, 1] >= 1)
    start = drawn(Reversal())
    never = judged(Reversal(before=0), start, [True] * 10)
    assert (np.asarray(never.rule) // 2 == np.asarray(start.rule) // 2).all()


def test_splits_share_no_pair() -> None:
    """Drawn pairs are those of the split; no pair of colours of one split is in another."""
    colours, shapes = list(COLOURS), list(SHAPES)
    seen = {}
    for split, (pairs, forms) in SPLITS.items():
        state = jax.device_get(drawn(Reversal(split=split)))
        seen[split] = {frozenset(colours[n] for n in pair) for pair in state.colours}
        assert seen[split] == {frozenset(pair.split()) for pair in pairs}
        assert {frozenset(shapes[n] for n in pair) for pair in state.shapes} == {frozenset(f.split()) for f in forms}
    assert seen["train"].isdisjoint(seen["pairs"])
    assert (seen["train"] | seen["pairs"]).isdisjoint(seen["new"])
    assert frozenset().union(*seen["train"]) == frozenset().union(*seen["pairs"])  # the same four colours


def test_what_is_good() -> None:
    state = drawn(Reversal())
    for rule, left, expected in ((0, (0, 1), 0), (0, (1, 0), 1), (1, (1, 0), 0), (2, (1, 0), 0), (3, (1, 0), 1)):
        one = jax.tree.map(lambda leaf: leaf[0], state)._replace(rule=jnp.int32(rule), left=jnp.array(left))
        assert int(good(one)) == expected
        assert bool(left_is_better(jax.nn.one_hot(rule, 4), one.left)) == (expected == 0)


def test_a_choice_and_the_next_trial() -> None:
    """Touching the good thing: its reward, the things as they were while the body stays, then new ones."""
    task = Reversal(stay=2)
    step = jax.jit(lambda s, p, k: task.step(s, p, None, None, k, BODY))  # type: ignore[arg-type]
    kept = []
    for seed in range(12):
        state, _ = task.reset(jax.random.key(seed), BODY)
        side = int(good(state))
        place = jnp.asarray(_PLACES[side] * 1.0) - jnp.array([0.165, 0.0])
        pose = Pose(place.astype(jnp.float32), jnp.float32(0), jnp.zeros(2), jnp.float32(0))
        left = state.left
        outcome = step(state, pose, jax.random.key(seed))
        assert float(outcome.terms["rewarded"]) == 1
        assert (outcome.state.chosen == (left if side == 0 else 1 - left)).all()
        assert int(outcome.state.counts.correct) == 1
        for _ in range(2):
            assert (outcome.state.left == left).all()
            outcome = step(outcome.state, pose, jax.random.key(seed + 100))
        np.testing.assert_allclose(outcome.start.position, [-0.3, 0.0])
        kept.append(bool((outcome.state.left == left).all()))
    assert 0 < sum(kept) < 12


@pytest.mark.parametrize("look", [0.0, 40.0])
def test_where_the_body_looks_at_the_start(look: float) -> None:
    """Anywhere within 40 degrees to either side, in every trial anew, or straight ahead."""
    task = Reversal(look=look, stay=0)
    pose = Pose(jnp.asarray(_PLACES[0], jnp.float32), jnp.float32(0), jnp.zeros(2), jnp.float32(0))

    def trial(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        state, start = task.reset(key, BODY)
        outcome = task.step(state, pose, None, None, key, BODY)  # type: ignore[arg-type]
        return start.heading, outcome.start.heading  # type: ignore[union-attr]

    first, second = jax.jit(jax.vmap(trial))(jax.random.split(jax.random.key(0), NUMBER))
    for heading in (first, second):
        spread = np.rad2deg(np.asarray(heading))
        np.testing.assert_allclose(np.abs(spread).max(), look, rtol=0.01)
        np.testing.assert_allclose(np.abs(spread).mean(), look / 2, rtol=0.1)
    assert bool((first == second).all()) == (look == 0)


def test_unreliable_rewards() -> None:
    task = Reversal(reliable=0.8)
    state = drawn(task)
    side = jax.vmap(good)(state)
    places = jnp.asarray(_PLACES, jnp.float32)[side] - jnp.array([0.165, 0.0])
    zero = jnp.zeros(NUMBER)
    pose = Pose(places, zero, jnp.zeros((NUMBER, 2)), zero)
    keys = jax.random.split(jax.random.key(0), NUMBER)
    outcome = jax.jit(jax.vmap(lambda s, p, k: task.step(s, p, None, None, k, BODY)))(state, pose, keys)  # type: ignore[arg-type]
    assert float(outcome.terms["rewarded"].mean()) == pytest.approx(0.8, abs=0.04)
    assert (outcome.state.counts.correct == 1).all()


def test_the_observer_against_enumeration() -> None:
    """Posteriors of the recursion are those of summing over all 4^5 histories of the rule."""
    task, rng = Reversal(reliable=0.8), np.random.default_rng(0)
    chosen = rng.integers(0, 2, (4, 2))
    rewarded, hazard = rng.integers(0, 2, 4).astype(bool), np.array([0.0, 0.25, 0.5, 0.25])
    fits = np.stack([chosen[:, 0] == 0, chosen[:, 0] == 1, chosen[:, 1] == 0, chosen[:, 1] == 1], 1)
    likely = np.where(fits == rewarded[:, None], 0.8, 0.2)
    total = np.zeros(4)
    for path in product(range(4), repeat=5):
        p = 0.25
        for t in range(4):
            p *= likely[t, path[t]]
            p *= {path[t]: 1 - hazard[t], path[t] ^ 1: hazard[t]}.get(path[t + 1], 0.0)
        total[path[-1]] += p
    rule, state = jnp.full(4, 0.25), jax.tree.map(lambda leaf: leaf[0], drawn(task))
    for t in range(4):
        seen = state._replace(
            chosen=jnp.asarray(chosen[t]), rewarded=jnp.asarray(rewarded[t]), hazard=jnp.float32(hazard[t])
        )
        rule = after(task, rule, seen)
    np.testing.assert_allclose(rule, total / total.sum(), rtol=1e-5)


def test_stored_ends() -> None:
    ends = envs.baseline("reversal")
    assert ends.oracle > 0.98
    assert ends.policies["guess"]["mean"] == pytest.approx(0.5, abs=0.05)
    assert ends.policies["persevering"]["mean"] == 0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"split": "pear"}, "no choice of reversal.split 'pear'. Did you mean 'pairs'?"),
        ({"rule": "color"}, "no choice of reversal.rule 'color'. Did you mean 'colour'?"),
        ({"reliable": 0.4}, "reversal.reliable is 0.4"),
        ({"shift": -1.0}, "reversal.shift is -1.0"),
        ({"look": 100.0}, "reversal.look is 100.0 degrees; 0 to 90 are wanted."),
        ({"trials": 0}, "reversal.trials is 0; 1 or more is wanted."),
    ],
)
def test_mistakes(options: dict[str, Any], text: str) -> None:
    with pytest.raises(EnvError) as caught:
        Reversal(**options)
    assert text in str(caught.value)
