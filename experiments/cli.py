"""The `scrubjay` command."""

from __future__ import annotations

import argparse
import difflib
import importlib
import logging
import os
import pkgutil
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from experiments import commands
from experiments.allocator import keep_memory

DESCRIPTION = "Experiments on natural intelligence: a body in MuJoCo, a brain wired from modules in a config file."
EXAMPLES = """\
examples:
  scrubjay train experiment=forage --run runs/jay      train the default brain
  scrubjay train agent/memory=none seed=3              the same without episodic memory
  scrubjay evaluate runs/jay --lesion hippocampus      score with a module lesioned
  scrubjay watch runs/jay                              look at it in the browser
  scrubjay modules lif                                 what a module is and what it takes
  scrubjay doctor                                      what works on this machine
"""
ORDER = (
    "train",
    "evaluate",
    "watch",
    "probe",
    "ledger",
    "model",
    "export",
    "nir",
    "weights",
    "memory",
    "compare",
    "graph",
    "modules",
    "tasks",
    "bench",
    "doctor",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command; a user's error is one message on stderr and exit code 2."""
    args = parse(sys.argv[1:] if arguments is None else arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    keep_memory()
    logging.getLogger("jax._src.callback").setLevel(logging.CRITICAL)  # errors of callbacks are told once, by us
    try:
        code = args.run(args)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        from experiments.errors import USER_ERRORS, told

        text = str(error) if isinstance(error, USER_ERRORS) else told(error)
        if text is None:
            raise
        print(f"scrubjay {args.command}: {text}", file=sys.stderr)
        code = 2
    sys.exit(code or 0)


class Parser(argparse.ArgumentParser):
    """A parser whose complaints name the nearest thing there is, and where to read on."""

    def error(self, message: str) -> NoReturn:
        words = [*re.findall(r"invalid choice: '(\S+)'", message), *re.findall(r"arguments: (\S+)", message)]
        commands = self._subparsers._group_actions[0].choices if self._subparsers else None
        known = [*self._option_string_actions, *map(str, commands or ())]
        near = [n for word in words for n in difflib.get_close_matches(word.split("=")[0], known, n=1)]
        hint = f" Did you mean {near[0]!r}?" if near else ""
        self.exit(2, f"{self.prog}: {message}.{hint} '{self.prog} --help' shows what there is.\n")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command. Overrides may stand on both sides of options, which argparse alone refuses."""
    args, rest = parser().parse_known_args(arguments)
    if hasattr(args, "overrides") and not any(word.startswith("-") for word in rest):
        args.overrides += rest
    elif rest:
        args.parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return args


def parser() -> argparse.ArgumentParser:
    """The parser, with a subcommand for every file in `experiments/commands`."""
    top = Parser(
        "scrubjay", description=DESCRIPTION, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    subparsers = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    found = [m.name for m in pkgutil.iter_modules(commands.__path__)]
    for name in sorted(found, key=lambda n: (ORDER.index(n) if n in ORDER else len(ORDER), n)):
        module = importlib.import_module(f"experiments.commands.{name}")
        summary, _, rest = (module.__doc__ or "").partition("\n\n")
        sub = subparsers.add_parser(
            name,
            help=summary.strip().rstrip("."),
            description=summary.strip(),
            epilog=rest.strip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.arguments(sub)
        sub.set_defaults(run=module.run, parser=sub)
    return top


if __name__ == "__main__":
    main()
