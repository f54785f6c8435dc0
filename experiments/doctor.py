"""What works on this machine: every finding comes from trying the thing."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One thing that was tried: what came of it, and how to get it where it does not work."""

    name: str
    works: bool
    found: str
    remedy: str = ""
    needed: bool = False


def examine() -> list[Finding]:
    """Tries everything that an experiment may use."""
    checks: list[tuple[str, bool, Callable[[], str], str]] = [
        ("python", True, lambda: f"{platform.python_version()} at {sys.executable}", "Install Python 3.11 or newer."),
        ("devices", True, _devices, "Install jax for this machine: pip install 'scrubjay[cuda]' for NVIDIA."),
        ("engine c", True, lambda: _engine("c"), "Reinstall mujoco in the version that pyproject.toml pins."),
        ("engine mjx", False, lambda: _engine("mjx"), "Reinstall mujoco-mjx in the same version as mujoco."),
        ("engine warp", False, lambda: _engine("warp"), "For NVIDIA GPUs only: pip install 'scrubjay[cuda,warp]'."),
        (
            "rendering",
            False,
            _rendering,
            "Only the sense 'camera' and Gymnasium's render modes need it; replays do not.",
        ),
        ("weights", False, _weights, "Only brains that are told something need them."),
        ("browser", False, _browser, "Copy the replay page to a machine with a browser; it is one file."),
        ("disk", False, _disk, "Make room: a training keeps some 50 MB of checkpoints."),
    ]
    return [_try(*check) for check in checks]


def _try(name: str, needed: bool, check: Callable[[], str], remedy: str) -> Finding:
    try:
        return Finding(name, True, check(), needed=needed)
    except Exception as error:  # a doctor reports whatever breaks
        text = str(error).strip().splitlines()
        return Finding(name, False, text[0] if text else type(error).__name__, remedy, needed)


def _devices() -> str:
    import jax

    return f"{', '.join(str(d) for d in jax.devices())}; jax {jax.__version__}, {os.cpu_count()} processors"


def _engine(name: str) -> str:
    import jax
    import jax.numpy as jnp

    import envs

    env: Any = envs.make("forage", engine=name, batch=2)
    state, _ = env.reset(jax.random.key(0))
    _, seen = env.step(state, jnp.zeros((2, *env.action_space.shape)))
    if not bool(jnp.isfinite(seen.reward).all()):
        raise RuntimeError("a first step gave a reward that is not finite")
    return "stepped a world"


def _rendering() -> str:
    """What the sense `camera` and the renderings of Gymnasium's environments would draw with."""
    from envs import rendering

    return f"pictures with {rendering.backend()}"


def _weights() -> str:
    """The default sentence transformer, its bytes checked."""
    from agent.language import weights

    weights.verify("minilm")
    return f"all-MiniLM-L6-v2, verified, at {weights.find('minilm')}"


def _browser() -> str:
    import webbrowser

    return f"replays open with {webbrowser.get().name}"


def _disk() -> str:
    import shutil

    free = shutil.disk_usage(".").free / 1e9
    if free < 0.5:
        raise RuntimeError(f"{free:.2f} GB free here")
    return f"{free:.0f} GB free here"
