"""Errors that a user of the command can mend."""

from __future__ import annotations

import re

from jax.errors import JaxRuntimeError

from agent.errors import ConfigError
from agent.spiking.nir_file import NirError
from envs.registry import EnvError


class RunError(RuntimeError):
    """A run directory, a checkpoint or a training that cannot go on: place, value and remedy in one message."""


def told(error: BaseException) -> str | None:
    """What an `EnvError` raised inside a compiled program said; JAX keeps only its text."""
    lines = str(error).splitlines() if isinstance(error, JaxRuntimeError) else []
    found = (re.match(rf"([\w.]+\.)?{EnvError.__name__}: (.+)", line) for line in lines)
    return next((match[2] for match in found if match), None)


USER_ERRORS = (ConfigError, EnvError, NirError, RunError)
"""What the command prints without a traceback."""
