"""Physics that fails in a training: counted, told with what is needed to see it again, and the run goes on."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from experiments import faults
from experiments.config import composed
from experiments.errors import RunError
from experiments.faults import FaultWarning
from experiments.metrics import read_metrics
from experiments.run import create
from experiments.train import train
from tests.experiments.conftest import TINY

ASTRAY = '''"""Puts some bodies behind the wall after 10 control steps."""

from dataclasses import dataclass

import jax.numpy as jnp

from envs.scene import Start
from envs.tasks.forage import Forage


@dataclass(frozen=True)
class Astray(Forage):
    def step(self, state, *arguments):
        outcome = super().step(state, *arguments)
        out = (state.time == 10) & (state.position[0, 0] > 0.0)
        return outcome._replace(move=out, start=Start(jnp.array([5.0, 0.0]), jnp.float32(0.0)))
'''


@pytest.mark.parametrize(
    "tasks",
    [["task.kind=astray"], ["task=joint", "task.tasks={forage: {}, astray: {}}", "task.worth={}"]],
    ids=["alone", "joint"],
)
def test_the_run_goes_on_and_the_fault_can_be_seen_again(
    tasks: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "astray.py").write_text(ASTRAY)
    folder = sys.modules["envs.tasks"]
    monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path / "tasks")])
    tiny = [t for t in TINY if t.startswith("learning")]
    values = composed([*tiny, "agent=gru", *tasks, "total_decisions=192", "seed=5"])
    run = create(tmp_path / "run", values)
    with pytest.warns(FaultWarning) as said:
        train(run)
    rows = read_metrics(run.path)
    assert len(rows) == 3
    first = next(int(row["update"]) for row in rows if row["bad"])
    failed = int(rows[first - 1]["bad"])
    assert 0 < failed < 8
    text = str(said[0].message)
    file = run.path / "faults" / f"{first}.npz"
    for part in (
        f"update {first}: physics failed {failed} times; those episodes were cut off, and the run goes on. First in",
        "of 8 (task 'astray', body 'roller', engine 'c', seed 5), key [",
        f"See it again: python -m experiments.faults {file}",
    ):
        assert part in text
    fate = faults.again(file)
    np.testing.assert_array_equal(fate.bad, np.arange(len(fate.bad)) == len(fate.bad) - 1)
    assert fate.qpos.shape == (len(fate.bad), 3)
    faults.main([str(file)])
    assert capsys.readouterr().out.endswith("It failed again.\n")
    with pytest.raises(RunError, match=r"0\.npz holds no fault: .*Name a file like runs/jay/faults/12\.npz\."):
        faults.again(run.path / "faults" / "0.npz")
