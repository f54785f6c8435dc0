"""Errors that a user of the command can mend."""

from __future__ import annotations

from agent.errors import ConfigError
from envs.registry import EnvError


class RunError(RuntimeError):
    """A run directory, a checkpoint or a training that cannot go on: place, value and remedy in one message."""


USER_ERRORS = (ConfigError, EnvError, RunError)
"""What the command prints without a traceback."""
