"""What one needs to know of code and machine to get the same numbers again."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax

from agent.module import DECISION_SECONDS

PACKAGES = (
    "scrubjay",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "mujoco",
    "mujoco-mjx",
    "gymnasium",
    "numpy",
    "orbax-checkpoint",
)


def circumstances() -> dict[str, Any]:
    """Code version and machine: what one needs to know to get the same numbers again."""
    return {
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "commit": _commit(),
        "packages": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "devices": [str(d) for d in jax.devices()],
        "decision_seconds": DECISION_SECONDS,
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    """The commit of the checkout, with a `+` where it has changes; empty outside of one."""
    here = Path(__file__).parent
    git = ["git", "-C", str(here)]
    try:
        commit = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        status = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit.stdout.strip() + ("+" if status.stdout.strip() else "")
