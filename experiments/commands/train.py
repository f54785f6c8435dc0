"""Train a brain in a world, or go on with a training that was interrupted.

overrides:
  group=choice   swaps a part:  experiment=forage  agent=gru  agent/memory=none  agent/motor=spiking  env=arena
  a.b=value      sets a value:  seed=3  total_decisions=2_000_000  learning.rate=3e-4  agent.modules.v1.tau_mem='10 ms'
  A folder ./configs adds choices of your own.

examples:
  scrubjay train experiment=forage --run runs/jay
  scrubjay train experiment=forage agent/memory=none seed=3 total_decisions=2_000_000
  scrubjay train 'learning.losses={v1.rate_loss: 1.0}'
  scrubjay train --resume runs/jay
  scrubjay train --resume runs/jay total_decisions=10_000_000
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

GROUPS = {"env": "id", "task": "kind"}
"""What a run is named after, unless it is told: the first of these that there is."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="group=choice or a.b=value, as below")
    parser.add_argument(
        "--run", dest="folder", metavar="DIR", help="the run's directory (default: runs/TASK-DATE-TIME)"
    )
    parser.add_argument(
        "--resume",
        metavar="DIR",
        help="go on where this run's newest checkpoint ends; with total_decisions=N for longer than was planned",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="start over if --run holds a run already; the old one is deleted"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(args: argparse.Namespace) -> int:
    from envs import World
    from experiments.config import composed
    from experiments.errors import RunError
    from experiments.metrics import read_metrics
    from experiments.progress import Progress
    from experiments.run import create, lengthened, load
    from experiments.train import curve, train

    if args.resume and (args.folder or args.fresh):
        raise RunError("--resume goes on with the run that it names: give no --run or --fresh beside it.")
    if args.resume:
        job = lengthened(load(args.resume), args.overrides)
    else:
        values = composed(args.overrides)
        job = create(Path(args.folder) if args.folder else _default(values), values, args.fresh)
    try:
        train(job, resume=bool(args.resume), progress=Progress(quiet=args.json))
    except KeyboardInterrupt:
        print(f"go on with: scrubjay train --resume {job.path}", file=sys.stderr)
        raise
    rows = read_metrics(job.path)
    decisions, scores = curve(rows)
    title = "score while learning (0 null, 1 oracle)"
    last, mean = (float(values[-1]) if len(values) else None for values in (scores, curve(rows, "return")[1]))
    if last is None:
        (decisions, scores), title = curve(rows, "return"), "mean return while learning"
    if args.json:
        found = {
            "run": str(job.path),
            "decisions": int(rows[-1]["decisions"]) if rows else 0,
            "score": last,
            "return": mean,
        }
        print(json.dumps(found))
        return 0
    from experiments.chart import chart

    if len(scores):
        print(chart(decisions, scores, title))
    print(f"run: {job.path}\nnext: scrubjay evaluate {job.path}")
    if isinstance(job.env, World):  # nothing else can be watched
        print(f"      scrubjay watch {job.path}")
    return 0


def _default(values: dict[str, Any]) -> Path:
    """A directory named after world and time that is not there yet."""
    named = [values[group].get(key) for group, key in GROUPS.items() if isinstance(values.get(group), dict)]
    kind = next((re.sub(r"\W+", "-", str(name)) for name in named if name), "run")
    name = f"runs/{kind}-{time.strftime('%Y%m%d-%H%M%S')}"
    return next(path for n in count(1) if not (path := Path(name if n == 1 else f"{name}-{n}")).exists())
