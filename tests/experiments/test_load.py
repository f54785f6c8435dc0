"""The lists of `bench load`: what is asked can be known, and lures are as like the studied cues as they should be."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from experiments.bench.load import TESTS, Plan, lists

BATCH, STUDIED, FILLERS, TIMES = 400, 5, 3, 24


def test_every_test_has_its_answer_in_the_list() -> None:
    plan = Plan(jnp.full(BATCH, STUDIED), jnp.full(BATCH, FILLERS), jnp.full(BATCH, 0.8))
    made = jax.jit(lists, static_argnums=2)(jax.random.key(0), plan, TIMES)
    start, tests = TIMES - TESTS - STUDIED - FILLERS, TIMES - TESTS
    cue, item, source, shown = (np.asarray(made.senses[n]) for n in ("cue", "item", "source", "shown"))
    assert not cue[:start].any()
    assert shown[:, :, 0].sum(axis=0).tolist() == [STUDIED + FILLERS] * BATCH
    assert not item[tests:].any()
    assert not source[tests:].any()
    old, studied = np.asarray(made.old), slice(start, start + STUDIED)
    assert np.array_equal(np.unique(old[:tests]), [-1])
    assert old[tests:, 0].tolist() == [1, 1, 1, 1, 0, 0] * 2
    for t in range(tests, TIMES):
        likeness = np.einsum("bd,sbd->sb", cue[t], cue[studied])
        best = likeness.argmax(axis=0)
        if old[t, 0]:
            assert (likeness.max(axis=0) > 1 - 1e-5).all()
            rows = (start + best, np.arange(BATCH))
            np.testing.assert_array_equal(made.item[t], item[rows].argmax(axis=1))
            np.testing.assert_array_equal(made.source[t], source[rows].argmax(axis=1))
        else:
            lure = bool(made.lure[t, 0])
            assert abs(likeness.mean() - (0.8 if lure else 0.0)) < 0.05
            assert np.array_equal(np.unique(made.item[t]), [-1])
