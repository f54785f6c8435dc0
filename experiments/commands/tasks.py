"""List the tasks: what each asks for, its options, and the two ends of its scale.

examples:
  scrubjay tasks
  scrubjay tasks --json
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
from typing import Any


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(args: argparse.Namespace) -> int:
    import envs

    found = {name: describe(name, task) for name, task in envs.tasks().items()}
    if args.json:
        print(json.dumps(found))
        return 0
    for name, task in found.items():
        ends = task["baseline"]
        scale = (
            f"null {ends['null']:.2f} ({ends['null_policy']}), oracle {ends['oracle']:.2f} ({ends['oracle_policy']})"
        )
        print(f"{name}\n  {task['about']}\n  {scale}")
        print("  options: " + ", ".join(f"{k}={v}" for k, v in task["options"].items()))
    print(
        f"\nbodies: {', '.join(envs.bodies())}\nsenses: {', '.join(envs.senses())}\nengines: {', '.join(envs.engines())}"
    )
    return 0


def describe(name: str, task: type[Any]) -> dict[str, Any]:
    """A task as plain values."""
    from envs.baselines import baseline

    ends = baseline(name)._asdict()
    options = {f.name: f.default for f in dataclasses.fields(task) if f.default is not dataclasses.MISSING}
    about = (inspect.getdoc(task) or "").split("\n\n")[0].replace("\n", " ")
    return {"about": about, "options": options, "baseline": ends}
