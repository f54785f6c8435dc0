"""List the tasks: what each asks for, its options, and the two ends of its scale.

examples:
  scrubjay tasks
  scrubjay tasks --json
  scrubjay tasks --body my/body.xml
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
from typing import Any


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--body", metavar="NAME", help="show the parts of one body instead: its name, or its MJCF file")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(args: argparse.Namespace) -> int:
    import envs

    if args.body is not None:
        parts = envs.describe(args.body if args.body in envs.bodies() else _from_file(args.body))
        print(json.dumps(parts._asdict()) if args.json else parts)
        return 0
    found = {name: describe(name, task) for name, task in envs.tasks().items()}
    if args.json:
        print(json.dumps(found))
        return 0
    for name, task in found.items():
        print(f"{name}\n  {task['about']}\n  {scale(name, task['baseline'])}")
        print("  options: " + ", ".join(f"{k}={v}" for k, v in task["options"].items()))
    print()
    print("machines of Gymnasium's, without arena: " + ", ".join(envs.controls()))
    for name, body in envs.bodies().items():
        try:
            print(envs.describe(name))
        except envs.EnvError:  # a body that is nothing without its options
            print(f"{name}: {inspect.getdoc(body)}")
    print()
    for group, names in (("bodies", envs.bodies()), ("senses", envs.senses()), ("engines", envs.engines())):
        print(f"{group}: {', '.join(names)}")
    return 0


def _from_file(name: str) -> dict[str, str]:
    """A body that is not registered: a file if it looks like one, else an error from its name."""
    return {"kind": "mjcf", "path": name} if name.endswith(".xml") or "/" in name else {"kind": name}


def scale(name: str, ends: dict[str, Any] | None) -> str:
    """The two ends of a task's scale, in words."""
    if ends is None:
        return f"no stored baseline; python -m envs.baselines {name} computes it"
    return f"null {ends['null']:.2f} ({ends['null_policy']}), oracle {ends['oracle']:.2f} ({ends['oracle_policy']})"


def describe(name: str, task: type[Any]) -> dict[str, Any]:
    """A task as plain values."""
    from envs import EnvError
    from envs.baselines import baseline

    try:
        ends = baseline(name)._asdict()
    except EnvError:  # a task of the user's own may have none yet
        ends = None
    options = {f.name: f.default for f in dataclasses.fields(task) if f.default is not dataclasses.MISSING}
    about = (inspect.getdoc(task) or "").split("\n\n")[0].replace("\n", " ")
    return {"about": about, "options": options, "baseline": ends}
