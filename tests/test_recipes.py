"""The recipes of CONTRIBUTING and README, followed to the letter in a copy of the tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TINY = ["learning.environments=8", "learning.steps=8", "learning.minibatches=2", "total_decisions=128"]

pytestmark = pytest.mark.slow


def blocks(document: str) -> list[str]:
    """The fenced blocks of a document, without the indentation of the list they stand in."""
    found = re.findall(r"^( *)```\w*\n(.*?)^ *```$", (ROOT / document).read_text(), re.M | re.S)
    return ["\n".join(line.removeprefix(indent) for line in text.split("\n")) for indent, text in found]


def block(document: str, *, holding: str) -> str:
    (only,) = [text for text in blocks(document) if holding in text]
    return only


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("agent", "envs", "experiments", "configs", "tests", "docs"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def do(tree: Path, *command: str) -> str:
    """Runs a command of the recipe in the copy; `scrubjay`, `python` and `pytest` are those of this environment."""
    programs = {
        "scrubjay": ["-c", "from experiments.cli import main; main()"],
        "pytest": ["-m", "pytest", "-q", "-p", "no:cacheprovider"],
        "python": [],
    }
    done = subprocess.run(
        [sys.executable, *programs[command[0]], *command[1:]],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_module(tree: Path) -> None:
    (tree / "agent/memory/leaky.py").write_text(block("CONTRIBUTING.md", holding='@register("leaky")'))
    (tree / "configs/agent/working/leaky.yaml").write_text(block("CONTRIBUTING.md", holding="kind: leaky"))
    assert "part that stays" in do(tree, "scrubjay", "modules", "leaky")
    do(tree, "scrubjay", "train", "agent/working=leaky", *TINY)
    assert "passed" in do(tree, "pytest", "tests/agent/test_contract.py", "-k", "leaky")


def test_the_module_of_the_readme(tree: Path) -> None:
    (tree / "agent/memory/leaky.py").write_text(block("README.md", holding='@register("leaky")'))
    do(tree, "scrubjay", "train", "agent.modules.prefrontal={kind: leaky, size: 64}", *TINY)
    assert "passed" in do(tree, "pytest", "tests/agent/test_contract.py", "-k", "leaky")


def test_a_task(tree: Path) -> None:
    (tree / "envs/tasks/reach.py").write_text(block("CONTRIBUTING.md", holding="class Reach:"))
    (tree / "configs/task/reach.yaml").write_text("kind: reach\n")
    do(tree, "python", "-m", "envs.baselines", "reach")
    assert "reach" in do(tree, "scrubjay", "tasks")
    do(tree, "scrubjay", "train", "task=reach", *TINY)
    assert "passed" in do(tree, "pytest", "tests/envs", "-k", "reach")
    do(tree, "python", "-c", 'import gymnasium, envs; gymnasium.make("scrubjay/Reach-v0").reset(seed=0)')


def test_a_body(tree: Path) -> None:
    (tree / "envs/bodies/heavy.py").write_text(block("CONTRIBUTING.md", holding="class Heavy("))
    do(tree, "scrubjay", "train", "env.body=heavy", *TINY)
    do(tree, "scrubjay", "train", "env.body={kind: roller, mass: 2.0}", *TINY)
