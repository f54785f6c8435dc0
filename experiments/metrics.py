"""Metrics of a run: a row per update in metrics.csv, the same for TensorBoard."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from time import time

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog  # pyright: ignore[reportAttributeAccessIssue] -- protobuf makes them
from tensorboardX.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]

from experiments.errors import RunError
from experiments.folder import write


class Metrics:
    """Appends rows to `metrics.csv`; a resumed run first drops the rows after its checkpoint."""

    def __init__(self, folder: Path, updates: int) -> None:
        self.path = folder / "metrics.csv"
        kept = [row for row in read_metrics(folder) if int(row["update"]) <= updates]
        self.columns = list(kept[0]) if kept else []
        text = "".join(
            ",".join(row) + "\n" for row in [self.columns, *([f"{v:.9g}" for v in r.values()] for r in kept)]
        )
        write(self.path, text if kept else "")
        (folder / "events").mkdir(exist_ok=True)
        # Not SummaryWriter: its thread dies silently on a full disk, and its queue then blocks for ever.
        self._events = EventsWriter(str(folder / "events" / "events"), f".{updates}")
        if kept:  # what a killed training wrote beyond its checkpoint is hidden
            step = int(kept[-1]["decisions"]) + 1
            self._events.write_event(Event(step=step, session_log=SessionLog(status=SessionLog.START)))

    def add(self, row: Mapping[str, float]) -> None:
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if not self.columns:
                self.columns = list(row)
                writer.writerow(self.columns)
            writer.writerow([f"{row[name]:.9g}" for name in self.columns])
        values = [Summary.Value(tag=n, simple_value=row[n]) for n in self.columns[2:] if math.isfinite(row[n])]
        self._events.write_event(Event(wall_time=time(), step=int(row["decisions"]), summary=Summary(value=values)))

    def flush(self) -> None:
        """Brings the events to the disk, lest a killed training leaves a gap in them before its checkpoint."""
        self._events.flush()

    def close(self) -> None:
        self._events.close()


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """The rows of a run's `metrics.csv`; a last row that was cut short by a crash is left out."""
    path = folder / "metrics.csv"
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    rows = [line.rstrip("\n").split(",") for line in lines if line.endswith("\n")]
    if rows and not {"update", "decisions"} <= set(rows[0]):
        raise RunError(f"{path}, line 1: {rows[0]} are not the columns of a run's metrics. Move that file away.")
    return [dict(zip(rows[0], map(float, row), strict=True)) for row in rows[1:] if _whole(row, rows[0])]


def _whole(row: list[str], columns: list[str]) -> bool:
    try:
        return len([float(value) for value in row]) == len(columns)
    except ValueError:
        return False
