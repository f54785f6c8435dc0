"""A tiny trained run that many tests look at, and the command as a function."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from experiments.cli import main

TINY = (
    "learning.environments=8",
    "learning.steps=8",
    "learning.minibatches=2",
    "learning.epochs=1",
    "agent.modules.retina.width=8",
    "agent.modules.v1.size=8",
    "agent.modules.prefrontal.size=8",
    "agent.modules.association.width=8",
)


class Said(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture
def scrubjay(capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """`scrubjay("train", "seed=1")` runs the command in this process."""

    def run(*arguments: str) -> Said:
        capfd.readouterr()
        with pytest.raises(SystemExit) as done:
            main(arguments)
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return Said(int(done.value.code or 0), out, err)

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two updates with a checkpoint after each."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    with pytest.raises(SystemExit) as done:
        main(["train", *TINY, "total_decisions=128", "checkpoint_every=1", "--run", str(folder), "--json"])
    assert done.value.code == 0
    return folder


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    """The same to be damaged."""
    return Path(shutil.copytree(trained, tmp_path / "copied"))
