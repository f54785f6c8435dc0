"""A run directory as a folder: whether it may be written, locked or emptied, and how a file in it is written whole."""

from __future__ import annotations

import difflib
import fcntl
import shutil
from pathlib import Path
from typing import TextIO

from agent.errors import ConfigError
from experiments.config import read
from experiments.errors import RunError

PARTS = (
    "config.yaml",
    "environment.json",
    "graph.svg",
    "graph.json",
    "metrics.csv",
    "faults",
    "events",
    "checkpoints",
    "watch.html",
    "brain.jax",
    "brain.json",
)
"""What training, `scrubjay watch` and `scrubjay export` write into a run directory; --fresh deletes nothing else."""


def lock(path: Path) -> TextIO:
    """Takes the lock of a run directory, or raises RunError where another training holds it."""
    try:
        file = (path / ".lock").open("w")
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error}. Choose another --run, or allow writing there.") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise RunError(f"{path} is in use by another training. Wait for it, or choose another --run.") from error
    return file


def make_room(path: Path, fresh: bool) -> None:
    """Refuses a directory that holds anything; with `fresh`, deletes an older run in it, and nothing but that."""
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file. Name a directory for the run.")
    found = {p.name for p in path.iterdir()} if path.is_dir() else set()
    if found <= {f".{name}.part" for name in PARTS}:
        return  # nothing, or a run that was killed while it began
    if not _holds_run(path):
        raise RunError(f"{path} is not empty and holds no run. Choose another directory with --run.")
    if not fresh:
        raise RunError(
            f"{path} holds a run already. Go on with --resume {path}, start over with --fresh, or choose another."
        )
    with lock(path):
        for name in reversed(PARTS):  # config.yaml last: until then this is a run, and can be started over
            part = path / name
            shutil.rmtree(part) if part.is_dir() and not part.is_symlink() else part.unlink(missing_ok=True)


def _holds_run(path: Path) -> bool:
    """Whether the directory's config.yaml is one of ours, and not that of some other program."""
    try:
        return {"agent", "task", "learning"} <= read(path / "config.yaml").keys()
    except ConfigError:
        return (path / "checkpoints").is_dir() and (path / "config.yaml").is_file()


def nearby(path: Path) -> str:
    """The runs in or beside a path, or else in `runs`; the nearest name first."""
    for folder in [path] if path.is_dir() else [path.parent, Path("runs")]:
        found = {p.parent.name: str(p.parent) for p in sorted(folder.glob("*/config.yaml"))}
        if found:
            near = difflib.get_close_matches(path.name, found, n=1)
            hint = f" Did you mean {found[near[0]]}?" if near else ""
            return f"{hint} Runs there: {', '.join([*found.values()][:8])}."
    return " 'scrubjay train --run DIR' makes one."


def write(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
