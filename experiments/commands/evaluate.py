"""Score a trained agent between the strongest null policy (0) and the scripted oracle (1); never trains.

Machines and Gymnasium environments have no null and no oracle: their mean return is told in place of a score. Tasks
may tell their metric apart for groups of episodes (GROUND: attribute, relations, take, not).

overrides:
  task.a=value, env.a=value   set the world anew, as in 'scrubjay train'; the brain must sense and move as in training.
  Null and oracle stay those of the task's default options.

A lesion replaces everything a module sends by its mean over intact behaviour. The interval is a 95 % bootstrap over
episodes of this one agent; comparing brains takes several seeds.

examples:
  scrubjay evaluate runs/jay
  scrubjay evaluate runs/jay --episodes 2000 --json
  scrubjay evaluate runs/ground task.split=pairs
  scrubjay evaluate runs/jay --lesion hippocampus --lesion v1
  scrubjay evaluate runs/jay --engine mjx
  scrubjay evaluate runs/jay --swap v1=v1.nir
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experiments.scores import Score


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="RUN", help="a run directory")
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="task.a=value or env.a=value, as below")
    parser.add_argument("--episodes", type=positive, default=512, metavar="N", help="episodes per task (default: 512)")
    parser.add_argument("--lesion", action="append", nargs="+", default=[], metavar="MODULE", help="modules to lesion")
    parser.add_argument("--engine", default="", metavar="NAME", help="c, mjx or warp (default: that of the run)")
    parser.add_argument(
        "--swap", action="append", default=[], type=named, metavar="MODULE=FILE", help="a .nir file in its place"
    )
    parser.add_argument(
        "--sampled", action="store_true", help="draw actions from the policy instead of taking the likeliest"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def positive(text: str) -> int:
    """A whole number above zero."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
    return int(text)


def named(text: str) -> tuple[str, str]:
    """`module=file`."""
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not MODULE=FILE, such as v1=v1.nir")
    return name, path


def run(args: argparse.Namespace) -> int:
    from experiments.evaluate import evaluate
    from experiments.run import load

    lesions = [name for names in args.lesion for name in names]
    options = {"deterministic": not args.sampled, "engine": args.engine, "swap": dict(args.swap)}
    options["overrides"] = args.overrides
    scores = evaluate(load(args.folder), args.episodes, lesions, **options)
    if args.json:
        print(json.dumps({task: score.plain() for task, score in scores.items()}))
        return 0
    engine = f", engine {args.engine}" if args.engine else ""
    swapped = "".join(f", {name} from {path}" for name, path in args.swap)
    lesioned = f", lesioned: {', '.join(lesions)}" if lesions else ""
    print(f"{' '.join([args.folder, *args.overrides])}{engine}{lesioned}{swapped}")
    for task, score in scores.items():
        print("\n".join(f"  {line}" for line in lines(task, score)))
    return 0


def lines(task: str, s: Score) -> list[str]:
    """A score in words, and a table of its groups."""
    mean = f"mean {s.metric} {s.mean:.2f}"
    if s.score is None:
        said = [f"{task}: {mean} [{s.low:.2f}, {s.high:.2f}] over {s.episodes} episodes"]
    else:
        said = [f"{task}: score {s.score:.3f} [{s.low:.3f}, {s.high:.3f}] over {s.episodes} episodes"]
        said.append(f"{'':{len(task)}}  {mean} (null {s.null:.2f} = 0, oracle {s.oracle:.2f} = 1)")
    width = max(map(len, s.groups), default=0)
    for name, part in s.groups.items():
        span = f"[{part.low:.3f}, {part.high:.3f}]"
        said.append(f"{'':{len(task)}}  {name:{width}}  {s.metric} {part.mean:.3f} {span} in {part.episodes}")
    return said
