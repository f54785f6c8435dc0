"""Trials within an episode: the pause between two of them, step by step, and where bodies start."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs import trials
from envs.registry import EnvError
from envs.scene import Pose, Start

BODY = envs.bodies()["roller"]()
HERE = Pose(jnp.array([0.5, 0.5]), jnp.float32(1), jnp.zeros(2), jnp.float32(0))
NEXT = Start(jnp.array([-0.5, 0.0]), jnp.float32(2))


def pause(delay: int, stay: int, free: bool = False) -> list[tuple[Any, ...]]:
    """After the end of a trial: wait, delayed, held, whether at the next start; until the next one runs."""
    clock, rows = trials.turn(trials.tick(trials.begin()), jnp.bool_(True), delay, stay), []
    while True:
        move, start = trials.held(clock, HERE, NEXT, free)
        there = bool((start.position == NEXT.position).all())
        rows.append((int(clock.wait), bool(clock.delayed), bool(move), there))
        if clock.running:
            assert (int(clock.trial), int(clock.time)) == (1, 0)
            return [*rows, (int(clock.spent),)]
        clock = trials.tick(clock)


def test_a_dark_pause() -> None:
    """One step at the place of the find, two in the dark at the next start, one more there in the light."""
    assert pause(delay=2, stay=1) == [
        (4, False, True, False),
        (3, True, True, True),
        (2, True, True, True),
        (1, False, True, True),
        (0, False, False, True),
        (3,),  # the trial's one step, the stay, the putting: the dark is not counted
    ]


def test_no_delay() -> None:
    assert pause(delay=0, stay=0) == [(1, False, True, True), (0, False, False, True), (2,)]


def test_a_pause_with_something_to_do_leaves_the_body_free() -> None:
    assert [row[2] for row in pause(delay=2, stay=1, free=True)[:-1]] == [True, False, False, True, False]


def test_time_is_counted_in_trials_only() -> None:
    clock = trials.begin()
    for _ in range(3):
        clock = trials.tick(clock)
    assert (int(clock.time), int(clock.spent)) == (3, 3)
    kept = trials.turn(clock, jnp.bool_(False), 9, 9)
    assert all(int(a) == int(b) for a, b in zip(kept, clock, strict=True))


def test_starts_are_away_from_the_place_and_inside() -> None:
    place = jnp.array([0.1, -0.1])  # near the middle, where it is hardest
    draw = jax.jit(jax.vmap(lambda key: trials.away(key, place, 0.7, BODY)))
    starts = draw(jax.random.split(jax.random.key(0), 2000))
    assert np.linalg.norm(starts.position - place, axis=-1).min() >= 0.7
    assert np.abs(starts.position).max() <= 0.9
    assert starts.heading.std() == pytest.approx(2 * np.pi / np.sqrt(12), rel=0.05)


def test_delays_are_drawn_from_end_to_end() -> None:
    drawn = jax.vmap(lambda key: trials.draw(key, (2, 4)))(jax.random.split(jax.random.key(0), 300))
    assert set(np.asarray(drawn).tolist()) == {2, 3, 4}


@pytest.mark.parametrize("value", [-1, [3], [4, 2], [0, 1.5], "long", True])
def test_what_is_no_delay(value: Any) -> None:
    with pytest.raises(EnvError) as caught:
        trials.span("dmp.delay", value)
    assert f"dmp.delay is {value!r}; a number of control steps (20 a second) such as 100" in str(caught.value)
    assert trials.span("dmp.delay", [0, 100]) == (0, 100)
    assert trials.span("dmp.delay", 7) == (7, 7)
