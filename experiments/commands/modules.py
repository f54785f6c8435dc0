"""List the kinds of modules, or show one kind: what it is, its ports and its options.

examples:
  scrubjay modules
  scrubjay modules lif
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Any


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", nargs="?", metavar="KIND", help="one kind in detail")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(args: argparse.Namespace) -> int:
    from agent.registry import find, kinds

    chosen = {args.kind: find(args.kind)} if args.kind else kinds()
    if args.json:
        print(json.dumps({kind: describe(config) for kind, config in chosen.items()}))
    elif args.kind:
        show(args.kind, describe(chosen[args.kind]))
    else:
        for kind, config in chosen.items():
            print(f"{kind:20} {describe(config)['about'].splitlines()[0]}")
    return 0


def describe(config: type[Any]) -> dict[str, Any]:
    """A kind as plain values: its text, source file, inputs and options."""
    inputs = config.inputs if isinstance(config.inputs, dict) else {}
    options = {}
    for field in dataclasses.fields(config):
        default = None if field.default is dataclasses.MISSING else field.default
        if dataclasses.is_dataclass(default) and not isinstance(default, type):
            default = dataclasses.asdict(default)
        meta = field.metadata
        options[field.name] = {"default": default, **{k: meta[k] for k in ("help", "unit") if meta.get(k)}}
    return {
        "about": inspect_text(config),
        "module": config.__module__,
        "inputs": {name: dataclasses.asdict(accepts) for name, accepts in inputs.items()},
        "options": options,
    }


def inspect_text(config: type[Any]) -> str:
    """The docstring without its indentation."""
    import inspect

    return inspect.getdoc(config) or ""


def show(kind: str, found: dict[str, Any]) -> None:
    print(f"{kind}  ({found['module']})\n\n{found['about']}\n")
    for name, accepts in found["inputs"].items():
        need = "optional" if accepts["optional"] else "required"
        print(f"  input  {name:14} {accepts['merge']}, {accepts['rank']} axes, {need}")
    for name, meta in found["options"].items():
        unit = f" {meta['unit']}" if meta.get("unit") else ""
        default = "required" if meta["default"] is None else f"{meta['default']}{unit}"
        print(f"  option {name:14} {default:12} {meta.get('help', '')}")
