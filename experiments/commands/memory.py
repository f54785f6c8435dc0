"""Look into what a trained agent remembers: export it to Parquet, search it, bring it into another life.

Without an action, tells what the store of a run (or a .parquet file) holds. A life that goes on with memories from a
file is a new run: it starts from the newest checkpoint of RUN, and 'scrubjay train --resume' goes on with it. The extra
`life` brings what files need.

examples:
  scrubjay memory runs/jay
  scrubjay memory runs/jay export -o jay.parquet
  scrubjay memory runs/jay search --like 12 --count 5 --rewarded
  scrubjay memory jay.parquet search --like 12 --episode 3
  scrubjay memory runs/jay import jay.parquet --to runs/jay-again
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from experiments.commands.evaluate import positive


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("place", metavar="RUN|FILE", help="a run directory, or a .parquet file of memories")
    parser.add_argument("action", nargs="?", default="show", choices=ACTIONS, help="(default: show)")
    parser.add_argument("file", nargs="?", metavar="FILE", help="of import: the memories")
    parser.add_argument("-o", "--output", metavar="FILE", help="of export (default: memories.parquet in the run)")
    parser.add_argument("--to", metavar="RUN", help="of import: the new run directory")
    parser.add_argument("--module", default="", metavar="NAME", help="which store, where there are several")
    parser.add_argument("--checkpoint", type=int, metavar="N", help="by its number (default: the newest)")
    parser.add_argument(
        "--like", type=int, default=0, metavar="N", help="of search: the row to compare with (default: 0)"
    )
    parser.add_argument("--count", type=positive, default=8, metavar="N", help="of search: moments (default: 8)")
    parser.add_argument("--environment", type=int, metavar="N", help="of search: only of that environment")
    parser.add_argument("--episode", type=int, metavar="N", help="of search: only of that episode")
    parser.add_argument("--rewarded", action="store_true", help="of search: only moments with a reward")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(args: argparse.Namespace) -> int:
    return ACTIONS[args.action](args)


def _show(args: argparse.Namespace) -> int:
    from experiments.memories import of

    memories = of(args.place, args.module, args.checkpoint)
    columns = memories.columns
    found: dict[str, Any] = {
        "moments": len(columns["slot"]),
        "slots": memories.slots,
        "environments": len(memories.counts["now"]),
        "columns": {name: list(x.shape[1:]) for name, x in columns.items()},
    }
    if args.json:
        print(json.dumps(found))
        return 0
    print("{moments} moments of {environments} environments, which have {slots} slots each".format(**found))
    for name, shape in found["columns"].items():
        print(f"  {name:12} {shape or ''}")
    return 0


def _export(args: argparse.Namespace) -> int:
    from experiments.memories import of, save

    default = Path(args.place) / "memories.parquet" if Path(args.place).is_dir() else Path("memories.parquet")
    print(save(of(args.place, args.module, args.checkpoint), Path(args.output) if args.output else default))
    return 0


def _import(args: argparse.Namespace) -> int:
    from experiments.errors import RunError
    from experiments.memories import continued, read
    from experiments.run import load

    if not (args.file and args.to):
        raise RunError("import wants memories and a new run: scrubjay memory RUN import FILE --to NEW")
    made = continued(load(args.place), read(Path(args.file)), Path(args.to), args.module, args.checkpoint)
    print(f"{made.path}: go on with scrubjay train --resume {made.path}")
    return 0


def _search(args: argparse.Namespace) -> int:
    import numpy as np

    from experiments.errors import RunError
    from experiments.memories import of, search

    memories = of(args.place, args.module, args.checkpoint)
    columns = memories.columns
    wanted = {"environment": args.environment, "episode": args.episode, "reward": True if args.rewarded else None}
    keep = np.ones(len(columns["slot"]), bool)
    for name, value in wanted.items():
        if value is not None and name not in columns:
            raise RunError(
                f"{args.place}: the store does not keep {name!r}; one with life=true keeps all that is wired."
            )
        if value is not None:
            keep &= columns[name] != 0 if name == "reward" else columns[name] == value
    rows, likeness = search(memories, args.like, args.count, keep)
    plain = [name for name, x in columns.items() if x.ndim == 1]
    found = [
        {"row": int(r), "likeness": float(s), **{n: columns[n][r].item() for n in plain}}
        for r, s in zip(rows, likeness, strict=True)
    ]
    if args.json:
        print(json.dumps(found))
        return 0
    for moment in found:
        print(
            "  ".join(
                f"{name} {value:.3f}" if isinstance(value, float) else f"{name} {value}"
                for name, value in moment.items()
            )
        )
    return 0


ACTIONS = {"show": _show, "export": _export, "import": _import, "search": _search}
