"""Exact resume: killed at random moments and resumed, a training ends bit for bit where it would have ended."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from experiments.checkpoint import flatten
from experiments.cli import main
from experiments.errors import RunError
from experiments.metrics import read_metrics
from experiments.run import lengthened, load

UPDATES = 24
TINY = [
    "learning.environments=8",
    "learning.steps=8",
    "learning.minibatches=2",
    "learning.epochs=1",
    "agent.modules.hippocampus.every=2",
    f"total_decisions={8 * 8 * UPDATES}",
    "checkpoint_every=1",
    "task.horizon=60",  # several episodes end and begin
]


def start(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "experiments.cli", "train", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_after(process: subprocess.Popen[bytes], folder: Path, updates: int, pause: float) -> None:
    """Kills once so many updates are on record, after a moment more: somewhere in the next update or checkpoint."""
    deadline = time.monotonic() + 300
    while len(read_metrics(folder)) < updates:
        assert process.poll() is None, "ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(pause)
    process.send_signal(signal.SIGKILL)
    process.wait()


def final(folder: Path) -> dict[str, np.ndarray]:
    return flatten(load(folder).learner())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    with pytest.raises(SystemExit) as done:
        main(["train", *TINY, "--run", str(folder), "--json"])
    assert done.value.code == 0
    return folder


def test_killed_and_resumed_ends_where_the_whole_run_ends(whole: Path, tmp_path: Path) -> None:
    rng, folder = random.Random(), tmp_path / "run"
    moments = [0, rng.randint(3, 9), rng.randint(11, 20)]
    kill_after(start(*TINY, "--run", str(folder)), folder, moments[0], rng.uniform(0, 3) + 1.0)
    if not (folder / "config.yaml").exists():  # killed before anything was there: start again
        moments = moments[1:]
        kill_after(start(*TINY, "--run", str(folder)), folder, moments[0], rng.uniform(0, 0.3))
    for updates in moments[1:]:
        kill_after(start("--resume", str(folder)), folder, updates, rng.uniform(0, 0.3))
    assert start("--resume", str(folder)).wait() == 0
    expected, found = final(whole), final(folder)
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        assert array.dtype == found[name].dtype
        assert array.tobytes() == found[name].tobytes(), f"{name} differs; killed after {moments}"
    assert rows(folder) == rows(whole)


def rows(folder: Path) -> list[dict[str, str]]:
    """The metrics of a run but for the seconds, as text, so that a missing score equals a missing score."""
    return [{k: str(v) for k, v in row.items() if k != "seconds"} for row in read_metrics(folder)]


def test_rows_have_no_gap(whole: Path) -> None:
    assert [int(row["update"]) for row in read_metrics(whole)] == list(range(1, UPDATES + 1))


def test_everything_that_goes_on_is_in_the_checkpoint(whole: Path) -> None:
    names = final(whole).keys()
    for part in ("params/", "optimizer/", "life/world/", "life/brain/modules/hippocampus/keys", "life/key", "updates"):
        assert any(name.startswith(part) for name in names), part


def test_a_half_written_checkpoint_is_not_taken_for_one(whole: Path) -> None:
    part = whole / "checkpoints" / f"{UPDATES + 1}.orbax-checkpoint-tmp"
    part.mkdir()
    try:
        assert load(whole).checkpoints.latest() == UPDATES
        assert int(load(whole).learner().updates) == UPDATES
    finally:
        if part.exists():
            part.rmdir()


def test_resuming_what_is_complete_changes_nothing(whole: Path) -> None:
    before = final(whole)
    with pytest.raises(SystemExit) as done:
        main(["train", "--resume", str(whole), "--json"])
    assert done.value.code == 0
    after = final(whole)
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)


def test_a_run_can_be_made_longer_but_not_shorter(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "longer"
    shutil.copytree(whole, folder)
    setup = load(folder).setup
    per_update = setup.learning.environments * setup.learning.steps
    before = (folder / "config.yaml").read_text()
    for wrong, said in ((f"total_decisions={per_update}", "has lived"), ("seed=9", "total_decisions alone")):
        with pytest.raises(RunError, match=said):
            lengthened(load(folder), [wrong])
    assert (folder / "config.yaml").read_text() == before
    with pytest.raises(SystemExit) as done:
        main(["train", "--resume", str(folder), f"total_decisions={(UPDATES + 1) * per_update}", "--json"])
    assert done.value.code == 0
    assert load(folder).setup.updates == UPDATES + 1
    assert int(load(folder).learner().updates) == UPDATES + 1
    assert (folder / "config.yaml").read_text().replace(str((UPDATES + 1) * per_update), "N") == before.replace(
        str(setup.total_decisions), "N"
    )
