"""The wiring language: `source.port -> target.port @ delay=n`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.errors import WiringError

BODY = "body"
"""The name under which senses (as sources) and the action (as target `body.action`) are wired."""

_WIRE = re.compile(r"^\s*(\w+)\.(\w+)\s*->\s*(\w+)\.(\w+)\s*(?:@\s*delay\s*=\s*(\d+)\s*)?$")


@dataclass(frozen=True)
class Wire:
    """Carries what `source.output` sent `delay` decisions ago (0: now) to `target.input`."""

    source: str
    output: str
    target: str
    input: str
    delay: int = 0

    @property
    def start(self) -> str:
        return f"{self.source}.{self.output}"

    @property
    def end(self) -> str:
        return f"{self.target}.{self.input}"

    def __str__(self) -> str:
        return f"{self.start} -> {self.end}" + (f" @ delay={self.delay}" if self.delay else "")


def parse(text: object) -> Wire:
    """Reads one wire; a `WiringError` shows the form it should have."""
    match = _WIRE.match(text) if isinstance(text, str) else None
    if not match:
        raise WiringError(
            f"wire {text!r} cannot be read. Write 'module.port -> module.port', or add '@ delay=1' at its end."
        )
    source, output, target, input, delay = match.groups()
    return Wire(source, output, target, input, int(delay or 0))
