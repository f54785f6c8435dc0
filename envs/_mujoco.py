"""Imports MuJoCo even where MUJOCO_GL names an OpenGL that is not installed, on which `import mujoco` fails.

All but pictures works without it; whoever wants those is told by `envs.rendering` what is missing.
"""

from __future__ import annotations

import os

try:
    import mujoco
except (AttributeError, ImportError):
    wanted = os.environ.pop("MUJOCO_GL", None)
    if wanted is None:
        raise
    try:
        import mujoco  # noqa: F401
    finally:
        os.environ["MUJOCO_GL"] = wanted
