"""Show how well a brain's world model predicts, by how many decisions ahead; never trains.

Errors are mean squared errors in units of those of a predictor that always says the mean: below 1 is better than
nothing. Beside the model stands the predictor by which nothing changes.

examples:
  scrubjay model runs/jay
  scrubjay model runs/jay --horizon 20 --json
"""

from __future__ import annotations

import argparse
import json

from experiments.commands.evaluate import positive


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="RUN", help="a run directory")
    parser.add_argument("--horizon", type=positive, default=12, metavar="N", help="decisions ahead (default: 12)")
    parser.add_argument("--decisions", type=positive, default=200, metavar="N", help="per environment (default: 200)")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(args: argparse.Namespace) -> int:
    from experiments.errors import RunError
    from experiments.foresight import foresight
    from experiments.run import load

    if args.decisions <= args.horizon:
        raise RunError(f"--decisions {args.decisions}: there must be more than --horizon {args.horizon}.")
    rows = foresight(load(args.folder), args.horizon, args.decisions)
    if args.json:
        print(json.dumps({"errors": [row.plain() for row in rows]}))
        return 0
    print(f"{args.folder}: errors of the world model / of no change, the mean's being 1")
    names = list(dict.fromkeys(row.what for row in rows))
    print("  ahead  " + "".join(f"{name:>16}" for name in names))
    for ahead in range(1, args.horizon + 1):
        cells = [row for row in rows if row.ahead == ahead]
        shown = (f"{r.model / r.mean:.3f} / {r.unchanged / r.mean:.3f}" if r.mean > 0 else "-" for r in cells)
        print(f"  {ahead:5}  " + "".join(f"{cell:>16}" for cell in shown))
    return 0
