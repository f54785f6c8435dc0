"""Ask what a trained brain's code of a sentence holds: arithmetic of meanings.

--arithmetic takes a word from a thing and puts another in its place, and lists what comes nearest by cosine: among the
83 things that words can describe, in the frozen embedding and in the code that training made of it. Without a sum it
tries all that there are and tells how often the answer is nearest (chance: 1 in 80).

examples:
  scrubjay probe runs/ground --arithmetic "red pillar - red + blue"
  scrubjay probe runs/ground --arithmetic
  scrubjay probe runs/ground --arithmetic -o experiments/results/arithmetic.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

SHOWN = 5


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="RUN", help="a run directory")
    parser.add_argument(
        "--arithmetic", nargs="?", const="", required=True, metavar="SUM", help="THING - WORD + WORD (default: all)"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="also write the figures to this file, as JSON")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(args: argparse.Namespace) -> int:
    from experiments import arithmetic
    from experiments.run import circumstances, load, write

    problem = arithmetic.parsed(args.arithmetic) if args.arithmetic else None  # complains before the work
    spaces = arithmetic.spaces(load(args.folder))
    found: dict[str, Any] = {}
    for name, space in spaces.items():
        if problem is None:
            found[name] = arithmetic.scores(space)
            continue
        near = space.near(problem)
        rank = [each.text for each in near].index(problem.answer) + 1
        nearest = [each._asdict() for each in near[:SHOWN]]
        found[name] = {"answer": problem.answer, "rank": rank, "of": len(near), "nearest": nearest}
    if args.output:
        text = json.dumps({"arithmetic": found, "run": Path(args.folder).name, "measured": circumstances()}, indent=1)
        write(Path(args.output), text + "\n")
    if args.json:
        print(json.dumps(found))
        return 0
    for name, figures in found.items():
        print("\n".join([name, *(f"  {line}" for line in (_sum if problem else _table)(figures))]))
    return 0


def _sum(found: dict[str, Any]) -> list[str]:
    lines = [f"{found['answer']!r} is number {found['rank']} of {found['of']}"]
    return lines + [f"{each['cosine']:6.3f}  {each['text']}" for each in found["nearest"]]


def _table(found: dict[str, dict[str, float]]) -> list[str]:
    return [
        f"{sort:7} first {row['first']:.3f} [{row['low']:.3f}, {row['high']:.3f}] (chance {row['chance']:.3f}), "
        f"mean rank {row['rank']:.1f}, {row['sums']} sums"
        for sort, row in found.items()
    ]
