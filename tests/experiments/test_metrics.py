"""What a person sees of a training: rows, events, curves and progress."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from envs.baselines import baseline
from experiments import progress
from experiments.chart import chart
from experiments.errors import RunError
from experiments.metrics import Metrics, read_metrics
from experiments.progress import Progress
from experiments.train import _row, curve


def row(update: int, **more: float) -> dict[str, float]:
    return {"update": update, "decisions": 64 * update, "score": 0.1 * update, **more}


def fill(folder: Path, updates: int, after: int = 0) -> None:
    metrics = Metrics(folder, after)
    for update in range(after + 1, updates + 1):
        metrics.add(row(update, bad=math.nan))
    metrics.close()


def test_rows_come_back(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    found = read_metrics(tmp_path)
    assert [r["update"] for r in found] == [1, 2, 3]
    assert found[1]["score"] == pytest.approx(0.2, rel=1e-8)
    assert math.isnan(found[0]["bad"])
    assert (tmp_path / "metrics.csv").read_text().splitlines()[:2] == ["update,decisions,score,bad", "1,64,0.1,nan"]


@pytest.mark.parametrize("cut", range(1, 14))
def test_a_row_that_was_cut_short_does_not_count(tmp_path: Path, cut: int) -> None:
    """Not even one cut within its last number, which is a number still."""
    fill(tmp_path, 3)
    path = tmp_path / "metrics.csv"
    path.write_text(path.read_text()[:-cut])
    assert [r["update"] for r in read_metrics(tmp_path)] == [1, 2]


def test_a_resumed_run_drops_what_its_checkpoint_did_not_see(tmp_path: Path) -> None:
    fill(tmp_path, 5)
    before = (tmp_path / "metrics.csv").read_text()
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write("6,384,0.")
    fill(tmp_path, 5, after=3)
    assert (tmp_path / "metrics.csv").read_text() == before


def test_a_run_killed_before_its_first_row(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("update,deci")
    assert read_metrics(tmp_path) == []
    fill(tmp_path, 2)
    assert [r["update"] for r in read_metrics(tmp_path)] == [1, 2]


def test_someone_elses_file(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("a,b\n1,2\n")
    with pytest.raises(RunError, match=r"metrics\.csv, line 1: \['a', 'b'\] are not the columns.*Move that file away"):
        read_metrics(tmp_path)


def events(folder: Path) -> list:
    """Every event of every file in the folder, oldest file first, read by the format's own definition."""
    import struct

    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(folder.glob("events/*"), key=lambda p: p.stat().st_mtime_ns):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (size,) = struct.unpack_from("Q", data, at)
            found.append(Event.FromString(data[at + 12 : at + 12 + size]))
            at += size + 16
    return found


def test_tensorboard_sees_the_same(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    fill(tmp_path, 4, after=2)
    found = events(tmp_path)
    assert [e.step for e in found if e.HasField("summary")] == [64, 128, 192, 192, 256]
    tags = {v.tag: v.simple_value for v in found[1].summary.value}
    assert tags == pytest.approx({"score": 0.1})  # what is not a number is left out
    (restart,) = [e for e in found if e.HasField("session_log")]
    assert restart.step == 129  # hides the first row 3


def test_curve_is_a_mean_over_stretches() -> None:
    rows = [{"decisions": 10.0 * i, "score": float(i)} for i in range(1, 7)]
    rows.insert(2, {"decisions": 25.0, "score": math.nan})
    at, values = curve(rows, points=3)
    np.testing.assert_allclose(at, [15, 35, 55])
    np.testing.assert_allclose(values, [1.5, 3.5, 5.5])
    assert curve([{"decisions": 1.0, "score": math.nan}])[0].size == 0


def test_chart() -> None:
    drawn = chart(np.array([0.0, 1e6, 2e6]), np.array([0.0, 0.5, 1.0]), "score", height=2)
    assert drawn.splitlines() == [
        "score",
        "   1.00 │  █",
        "   0.00 │ ██",
        "        └───",
        "         0 2.00 M decisions",
    ]


@pytest.mark.parametrize("values", [[0.0], [-1.0, -2.0], [5.0] * 60, [0.0, 0.0]])
def test_chart_of_odd_curves(values: list[float]) -> None:
    lines = chart(np.arange(len(values)) * 1e5, np.array(values), "title").splitlines()
    assert len(lines) == 11
    assert all(len(line) >= 9 for line in lines[1:])


def said(capfd: pytest.CaptureFixture[str], quiet: bool = False, score: float = 0.5) -> tuple[str, str]:
    bar = Progress(quiet)
    bar.start(64, 256)
    for update in (2, 3, 4):
        bar.advance({"decisions": 64 * update, "episodes": update - 2, "score": score, "return": 3.0})
    bar.stop()
    return capfd.readouterr()


def test_progress_without_a_terminal(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain lines on stderr; nothing on stdout, which belongs to the result."""
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    out, err = said(capfd)
    assert out == ""
    first, *lines = err.splitlines()
    assert first == "training from 64 to 256 decisions; compiling first"
    assert [line.split()[0] for line in lines] == ["128", "192", "256"]
    assert "no episode over yet" in lines[0]
    assert "score 0.50" in lines[1]
    assert all("s left" in line for line in lines)
    assert "\x1b" not in err


def test_progress_of_a_task_without_a_scale(capfd: pytest.CaptureFixture[str]) -> None:
    assert "return 3.00" in said(capfd, score=math.nan)[1]


def test_progress_can_be_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    assert tuple(said(capfd, quiet=True)) == ("", "")


def test_progress_on_a_terminal(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    out, err = said(capfd)
    assert out == ""
    for text in ("training", "256/256", "score 0.50", "/s"):
        assert text in err


def run_of(metric: str, world: str) -> Any:
    return SimpleNamespace(env=SimpleNamespace(task=SimpleNamespace(metric=metric)), setup=SimpleNamespace(world=world))


def test_the_running_score_follows_the_metric() -> None:
    """GROUND is scored by `right`: 3 of 4 episodes, whatever they returned."""
    values = {"episodes": 4.0, "metric": 3.0, "reward": -2.0, "loss": 0.5}
    found = _row(run_of("right", "ground"), 1, 64, {**values, "reward/right": 0.1}, 0.1)
    ends = baseline("ground")
    assert (found["return"], found["right"]) == (-0.5, 0.75)
    assert found["score"] == pytest.approx((0.75 - ends.null) / (ends.oracle - ends.null))
    found = _row(run_of("return", "forage"), 1, 64, dict(values), 0.1)
    assert list(found) == ["update", "decisions", "seconds", "episodes", "return", "score", "loss"]
    assert found["return"] == 0.75
