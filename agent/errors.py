"""Errors that a user can mend: each names the place, the value, the near match and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ConfigError(ValueError):
    """Something in a config cannot be used. `problems` lists every complaint; the text shows them all at once."""

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        if len(self.problems) == 1:
            text = self.problems[0]
        else:
            text = f"{len(self.problems)} problems:\n" + "\n".join(f"  - {p}" for p in self.problems)
        super().__init__(text)


class WiringError(ConfigError):
    """The modules or wires of a brain do not fit together."""


def unknown(what: str, name: object, choices: Iterable[str]) -> str:
    """`no module 'eye'. Did you mean 'eyes'?`, or the list of choices where nothing is near."""
    known = sorted(map(str, choices))
    lower = {choice.lower(): choice for choice in known}
    near = difflib.get_close_matches(str(name).lower(), lower, n=1, cutoff=0.6)
    if near:
        return f"no {what} {str(name)!r}. Did you mean {lower[near[0]]!r}?"
    return f"no {what} {str(name)!r}. Choose from: {', '.join(known) or 'none there'}."
