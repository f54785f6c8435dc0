"""The benchmark that lets other people's agents learn in our worlds."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest

from tests.experiments.conftest import Said


def test_without_the_client_there_is_a_remedy(scrubjay: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    said = scrubjay("bench", "client")
    assert (said.code, said.out) == (2, "")
    assert "the peer cannot be imported" in said.err
    assert "pip install 'scrubjay[bench]'" in said.err


def test_it_takes_no_overrides(scrubjay: Callable[..., Said]) -> None:
    assert "bench client takes no overrides" in scrubjay("bench", "client", "agent=gru").err


def test_the_batch_that_it_sees_starts_episodes_at_once() -> None:
    pytest.importorskip("stable_baselines3")
    from experiments.bench.sb3 import Batch

    world = Batch("scrubjay/Forage-v0", 2, seed=0)
    assert world.reset()["retina"].shape == (2, 2, 32, 4)
    for step in range(1, 202):
        observation, reward, done, infos = world.step(np.zeros((2, 3), np.float32))
        assert reward.shape == (2,)
        assert done.all() == (step == 200)
        if step == 200:
            assert infos[0]["TimeLimit.truncated"]
            assert (infos[0]["terminal_observation"]["retina"] != observation["retina"][0]).any()
