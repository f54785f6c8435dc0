"""Kinds that come from other people's packages, through the entry-point group `scrubjay.modules`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = Path(__file__).parent / "example_package"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, really built and installed into a folder of its own."""
    folder = tmp_path_factory.mktemp("installed")
    source = shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("source") / "example")
    done = subprocess.run([*installer(), "--target", folder, "--no-deps", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def installer() -> list[str | Path]:
    """uv or pip; the build tool is fetched where this environment has none."""
    places = (shutil.which("uv"), Path(sys.prefix) / "bin/uv", ROOT / ".uv/bin/uv")
    uv = next((place for place in places if place and Path(place).exists()), None)
    if uv is None and importlib.util.find_spec("pip") is None:
        pytest.skip("found neither uv nor pip")
    command: list[str | Path] = (
        [uv, "pip", "install", "--quiet", "--python", sys.executable]
        if uv
        else [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    )
    return command if importlib.util.find_spec("hatchling") is None else [*command, "--no-build-isolation"]


def python(*arguments: str, path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (path, ROOT)))}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, cwd=folder)


def test_an_installed_package_adds_its_kind_and_keeps_the_contract(installed: Path) -> None:
    """The contract test picks it up by itself."""
    assert "leaky" not in _kinds_here()
    arguments = ("-m", "pytest", "tests/agent/test_contract.py", "-k", "leaky and not none", "-p", "no:cacheprovider")
    done = python(*arguments, path=installed, folder=ROOT)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_a_package_that_cannot_be_loaded_is_named(installed: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(installed, tmp_path / "broken")
    (broken / "scrubjay_leaky/__init__.py").write_text("import no_such_thing\n")
    done = python("-c", "import agent; agent.kinds()", path=broken, folder=tmp_path)
    assert done.stderr.strip().splitlines()[-1] == (
        "agent.errors.ConfigError: entry point 'leaky = scrubjay_leaky' of group 'scrubjay.modules' cannot be loaded: "
        "No module named 'no_such_thing'. Mend or uninstall the package that offers it (scrubjay-leaky)."
    )


def test_a_kind_cannot_be_taken_twice(installed: Path, tmp_path: Path) -> None:
    rival = shutil.copytree(installed, tmp_path / "rival")
    module = rival / "scrubjay_leaky/__init__.py"
    module.write_text(module.read_text().replace('@register("leaky")', '@register("lif")'))
    done = python("-c", "import agent; agent.kinds()", path=rival, folder=tmp_path)
    assert done.stderr.strip().splitlines()[-1] == (
        "agent.errors.ConfigError: entry point 'leaky = scrubjay_leaky' of group 'scrubjay.modules' cannot be loaded: "
        "kind 'lif' is registered twice: by agent.spiking.lif.LifConfig and by scrubjay_leaky.LeakyConfig. "
        "Rename one of them. Mend or uninstall the package that offers it (scrubjay-leaky)."
    )


def _kinds_here() -> set[str]:
    import agent

    return set(agent.kinds())
