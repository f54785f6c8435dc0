"""What a person sees of long work: a bar with ETA, speed and score on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

LINE_SECONDS = 15.0


class Progress:
    """Progress of a training, on stderr; `quiet` shows nothing."""

    def __init__(self, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet)
        self._bar: Bar | None = None
        self._score = self._mean = math.nan
        self._total = self._done = self._first = 0
        self._started = self._said = 0.0

    def start(self, done: int, total: int) -> None:
        self._done = self._first = done
        self._total, self._started = total, time.perf_counter()
        self._said = self._started
        if self.console.is_terminal and not self.console.quiet:
            self._bar = Bar(
                TextColumn("[bold]training"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[speed]}  {task.fields[score]}"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=self.console,
            )
            self._task = self._bar.add_task("", total=total, completed=done, speed="compiling", score="")
            self._bar.start()
        elif done < total:
            self.console.print(f"training from {done:,} to {total:,} decisions; compiling first", highlight=False)

    def warn(self, text: str) -> None:
        """Says what one should know even where no progress is shown."""
        Console(stderr=True).print(f"warning: {text}", highlight=False, markup=False, soft_wrap=True)

    def advance(self, row: Mapping[str, float]) -> None:
        """Takes the metrics of one update."""
        now = time.perf_counter()
        self._done = int(row["decisions"])
        if row["episodes"]:
            self._score, self._mean = row["score"], row["return"]
        speed = f"{(self._done - self._first) / (now - self._started):,.0f}/s"
        text = self._said_score()
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, speed=speed, score=text)
        elif now - self._said > LINE_SECONDS or self._done == self._total:
            self._said = now
            left = (self._total - self._done) * (now - self._started) / max(self._done - self._first, 1)
            line = f"{self._done:>12,} / {self._total:,} decisions  {speed}  {text}  {left:,.0f} s left"
            self.console.print(line, highlight=False)

    def _said_score(self) -> str:
        if math.isfinite(self._score):
            return f"score {self._score:.2f}"
        return f"return {self._mean:.2f}" if math.isfinite(self._mean) else "no episode over yet"

    def stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class Steps:
    """Progress of work of so many equal steps, on stderr; only on a terminal."""

    def __init__(self, what: str, total: int) -> None:
        self._bar = Bar(
            TextColumn(f"[bold]{what}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=(console := Console(stderr=True)),
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Steps:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def advance(self, steps: int) -> None:
        self._bar.advance(self._task, steps)
