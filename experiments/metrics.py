"""Metrics of a run: a row per update in metrics.csv, the same for TensorBoard."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from tensorboardX import SummaryWriter

from experiments.run import write


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
        self._events = SummaryWriter(
            str(folder / "events"), purge_step=int(kept[-1]["decisions"]) + 1 if kept else None
        )

    def add(self, row: Mapping[str, float]) -> None:
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if not self.columns:
                self.columns = list(row)
                writer.writerow(self.columns)
            writer.writerow([f"{row[name]:.9g}" for name in self.columns])
        for name in self.columns[1:]:
            if math.isfinite(row[name]):
                self._events.add_scalar(name, row[name], int(row["decisions"]))

    def close(self) -> None:
        self._events.close()


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """The rows of a run's `metrics.csv`; a last row that was cut short by a crash is left out."""
    path = folder / "metrics.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [
            {name: float(value) for name, value in row.items()}
            for row in csv.DictReader(file)
            if None not in row.values() and None not in row and all(_number(v) for v in row.values())
        ]


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
