"""The house stands as drawn: who may import whom, what is shipped, and what the locks hold."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("agent", "envs", "experiments")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import of a file, those inside functions too."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            yield node.lineno, ".".join((*base, *filter(None, [node.module])))


def locked(path: Path) -> dict[str, str]:
    """Versions by normalised name, `{"jax": "0.10.2"}`."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", path.read_text(), re.MULTILINE)
    return {normal(name): version for name, version in found}


def normal(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement)[0]).lower()


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [("agent", {"envs", "experiments", "mujoco"}), ("envs", {"agent", "experiments", "flax"})],
)
def test_the_brain_and_the_world_know_nothing_of_each_other(package: str, forbidden: set[str]) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, name in imports(path)
        if name.split(".")[0] in forbidden
    ]
    assert not found


def test_what_is_imported_is_declared() -> None:
    """Nothing leans on a package that only comes along with another one."""
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    declared = {normal(name) for name in project["dependencies"] + extras["cuda"] + extras["bench"]}
    homes = packages_distributions()
    found = {
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, name in imports(path)
        if (top := name.split(".")[0]) not in {*PACKAGES, *sys.stdlib_module_names}
        and declared.isdisjoint(map(normal, homes.get(top, [top])))
    }
    assert not found


def test_relative_imports_are_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "agent" / "memory").mkdir(parents=True)
    file = tmp_path / "agent" / "memory" / "x.py"
    file.write_text("from ..ports import Port\nfrom . import y\ndef f():\n    import envs.base\n")
    assert [name for _, name in imports(file)] == ["agent.ports", "agent.memory", "envs.base"]


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_are_typed_and_regular(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()
    folders = {path.parent for path in (ROOT / package).rglob("*.py")}
    assert [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_what_is_shipped_is_not_ignored() -> None:
    """A file that git ignores would be missing from clones and from the wheel."""
    shipped = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(shipped) == {*PACKAGES, "configs"}
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    files = [path for folder in shipped for path in (ROOT / folder).rglob("*") if path.is_file()]
    names = [str(path.relative_to(ROOT)) for path in files if path.suffix != ".pyc"]
    ignored = subprocess.run(
        ["git", "check-ignore", "--stdin"],
        input="\n".join(names),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert ignored.stdout.split() == []


def test_it_cannot_be_uploaded_by_mistake() -> None:
    assert "Private :: Do Not Upload" in PROJECT["project"]["classifiers"]
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_locks_pin_by_hash_and_name_no_place(lock: Path) -> None:
    text = lock.read_text()
    assert not re.search(r"://|--find-links|--index-url|--extra-index|(^|\s)/|\.(org|com|net)\b", text)
    requirements = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    assert requirements
    assert [entry for entry in requirements if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_locks_cover_the_project() -> None:
    core, dev, build = (locked(ROOT / "requirements" / f"{name}.txt") for name in ("core", "dev", "build"))
    extras = PROJECT["project"]["optional-dependencies"]
    assert {normal(name) for name in PROJECT["project"]["dependencies"]} <= core.keys()
    assert {normal(name) for name in extras["test"] + extras["dev"]} <= dev.keys()
    assert {normal(name) for name in PROJECT["build-system"]["requires"]} <= build.keys()
    assert core.items() <= dev.items(), "make lock"


def test_mujoco_is_one_matching_set() -> None:
    core = locked(ROOT / "requirements" / "core.txt")
    assert core["mujoco"] == core["mujoco-mjx"]


def test_the_editor_and_the_linter_agree() -> None:
    width = PROJECT["tool"]["ruff"]["line-length"]
    assert f"max_line_length = {width}" in (ROOT / ".editorconfig").read_text()
