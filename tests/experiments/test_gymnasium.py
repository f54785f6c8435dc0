"""Brains in Gymnasium environments and machines, from the command: training, going on, returns in place of scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from gymnasium.envs.classic_control import CartPoleEnv

from experiments import evaluate as module
from experiments.metrics import read_metrics
from tests.experiments.conftest import Said

Command = Callable[..., Said]
SMALL = ("agent=reflex", "learning.environments=8", "learning.steps=32", "learning.minibatches=2", "learning.epochs=2")
POLE = ("env=gymnasium", "env.id=CartPole-v1", "env.options={max_episode_steps: 60}", *SMALL)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 8)


@pytest.fixture(scope="module")
def pole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A brain that trained in CartPole for a few thousand decisions."""
    from experiments.cli import main

    folder = tmp_path_factory.mktemp("runs") / "pole-0"
    with pytest.raises(SystemExit) as done:
        main(["train", *POLE, "total_decisions=4096", "checkpoint_every=8", "--run", str(folder), "--json"])
    assert done.value.code == 0
    return folder


def test_a_brain_trains_in_cart_pole(pole: Path) -> None:
    rows = read_metrics(pole)
    assert len(rows) == 16
    assert all(row["bad"] == 0 for row in rows)  # no decision was lost between updates
    assert rows[-1]["return"] > rows[0]["return"] >= 8
    assert all(np.isnan(row["score"]) for row in rows)
    config = yaml.safe_load((pole / "config.yaml").read_text())
    assert config["task"] == {"kind": "none"}
    assert (config["env"]["id"], config["env"]["options"]) == ("CartPole-v1", {"max_episode_steps": 60})
    assert config["agent"]["body"] == {"action": [2], "observation": [4], "reward": [1]}


def test_its_return_is_told_in_place_of_a_score(scrubjay: Command, pole: Path) -> None:
    said = scrubjay("evaluate", str(pole), "--episodes", "12")
    assert "  CartPole-v1: mean return " in said.out
    assert "over 12 episodes" in said.out
    (found,) = json.loads(scrubjay("evaluate", str(pole), "--episodes", "12", "--json").out).values()
    assert (found["score"], found["null"], found["oracle"], found["episodes"]) == (None, None, None, 12)
    assert 8 <= found["low"] <= found["mean"] <= found["high"] <= 60
    assert f"{found['mean']:.2f} [{found['low']:.2f}, {found['high']:.2f}]" in said.out
    assert "mean return" in scrubjay("evaluate", str(pole), "--episodes", "8", "--lesion", "soma").out


def test_runs_are_compared_by_their_returns(scrubjay: Command, pole: Path) -> None:
    said = scrubjay("compare", str(pole), "--episodes", "8", "--json")
    (group,) = json.loads(said.out)["groups"].values()
    assert {row["return"] > 8 for row in group["by_decisions"].values()} == {True}
    (figures,) = group["runs"]
    assert len(figures["training_curve"]["return"]) == 16
    assert " M  return " in scrubjay("compare", str(pole), "--episodes", "8").out


def test_progress_and_end_show_the_return(scrubjay: Command, tmp_path: Path) -> None:
    said = scrubjay("train", *POLE, "total_decisions=1024", "--run", str(tmp_path / "run"))
    assert "  return " in said.err
    assert "mean return while learning" in said.out
    again = scrubjay("train", "--resume", str(tmp_path / "run"), "--json")
    assert json.loads(again.out)["return"] > 8


def test_going_on_begins_new_episodes_and_says_so(scrubjay: Command, pole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert scrubjay("train", *POLE, "total_decisions=512", "--run", str(folder)).code == 0
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("total_decisions: 512", "total_decisions: 1024"))
    said = scrubjay("train", "--resume", str(folder))
    assert said.err.count(f"warning: {folder}: CartPole-v1 cannot be saved, so new episodes begin") == 1
    assert [row["bad"] for row in read_metrics(folder)][:2] == [0, 0]
    assert 0 < read_metrics(folder)[2]["bad"] <= 8
    assert read_metrics(folder)[3]["bad"] == 0


MISTAKES: list[tuple[list[str], str]] = [
    (["env=gymnasium"], "env.id is missing. Name a Gymnasium environment, such as env.id=HalfCheetah-v5, or a task."),
    (["task=none"], "env.id is missing."),
    (["env=gymnasium", "env.id=HalfCheeta-v5"], "Did you mean 'HalfCheetah-v5'?"),
    (["env=gymnasium", "env.id=Pendulum-v1", "task=ant"], "brings its own, but there is 'ant'. Leave the task out"),
    (["env=gymnasium", "env.id=Pendulum-v1", "task.good=red"], "task: the Gymnasium environment 'Pendulum-v1' brings"),
    (["env=gymnasium", "env.id=Pendulum-v1", "experiment=forage"], "but there is 'forage'"),
    (["env.id=Pendulum-v1"], "brings its own, but there is 'forage'. Leave the task out, or choose env=arena."),
    (["env=gymnasium", "env.id=Pendulum-v1", "env.body=car"], "env.body: 'Pendulum-v1' is a Gymnasium environment"),
    (["env.options={g: 1.0}"], "env.options: they are a Gymnasium environment's"),
    (["env=gymnasium", "env.id=3"], "env.id: expected text, got 3"),
    (["env=gymnasium", "env.id=Blackjack-v1", "agent=reflex"], "body.observation"),
]


@pytest.mark.parametrize(("overrides", "text"), MISTAKES, ids=[" ".join(o) for o, _ in MISTAKES])
def test_mistakes(scrubjay: Command, tmp_path: Path, overrides: list[str], text: str) -> None:
    said = scrubjay("train", *overrides, "--run", str(tmp_path / "run"))
    assert (said.code, said.out) == (2, "")
    assert text in said.err
    assert not (tmp_path / "run").exists()


def test_an_environment_that_breaks_ends_the_command(
    scrubjay: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("the pole broke")

    monkeypatch.setattr(CartPoleEnv, "step", broken)
    said = scrubjay("train", *POLE, "total_decisions=512", "--run", str(tmp_path / "run"), "--json")
    assert (said.code, said.out) == (2, "")
    assert "scrubjay train: CartPole-v1: environment 0 raised ZeroDivisionError in step 1 of the episode" in said.err
    assert f"the pole broke ({__file__}, line " in said.err
    assert said.err.rstrip().endswith("begins that episode.")
