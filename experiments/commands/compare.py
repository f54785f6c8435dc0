"""Score several runs at all their checkpoints, and group the seeds of one brain.

Runs whose directories differ only after the last '-' are seeds of one group: runs/forage-gru-0, runs/forage-gru-1.

examples:
  scrubjay compare runs/forage-*
  scrubjay compare runs/forage-* -o experiments/results/forage.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from experiments.commands.evaluate import positive


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", nargs="+", metavar="RUN", help="run directories")
    parser.add_argument(
        "--episodes", type=positive, default=256, metavar="N", help="episodes per checkpoint (default: 256)"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="also write the figures to this file, as JSON")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(args: argparse.Namespace) -> int:
    from experiments.compare import compare
    from experiments.run import circumstances, write

    groups = compare([Path(f) for f in args.folders], args.episodes, lambda text: print(text, file=sys.stderr))
    found = {"groups": groups, "measured": circumstances()}
    if args.output:
        write(Path(args.output), json.dumps(found, indent=1) + "\n")
    if args.json:
        print(json.dumps(found))
        return 0
    for name, group in groups.items():
        print(name)
        for decisions, row in group["by_decisions"].items():
            span = f"[{row['low']:.3f}, {row['high']:.3f}]"
            worst = f"worst of {row['seeds']} seeds {row['worst']:.3f}"
            what = "score" if "score" in row else "return"
            print(f"  {decisions / 1e6:4.1f} M  {what} {row[what]:.3f} {span}  {worst}")
    return 0
