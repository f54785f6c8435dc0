"""Score a trained agent between the strongest null policy (0) and the scripted oracle (1); never trains.

Machines and Gymnasium environments have no null and no oracle: their mean return is told in place of a score.

A lesion replaces everything a module sends by its mean over intact behaviour. The interval is a 95 % bootstrap over
episodes of this one agent; comparing brains takes several seeds.

examples:
  scrubjay evaluate runs/jay
  scrubjay evaluate runs/jay --episodes 2000 --json
  scrubjay evaluate runs/jay --lesion hippocampus --lesion v1
  scrubjay evaluate runs/jay --engine mjx
  scrubjay evaluate runs/jay --swap v1=v1.nir
  scrubjay evaluate runs/jay --confidence insula.confidence
"""

from __future__ import annotations

import argparse
import json


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="RUN", help="a run directory")
    parser.add_argument("--episodes", type=positive, default=512, metavar="N", help="episodes per task (default: 512)")
    parser.add_argument("--lesion", action="append", nargs="+", default=[], metavar="MODULE", help="modules to lesion")
    parser.add_argument("--engine", default="", metavar="NAME", help="c, mjx or warp (default: that of the run)")
    parser.add_argument(
        "--swap", action="append", default=[], type=named, metavar="MODULE=FILE", help="a .nir file in its place"
    )
    parser.add_argument(
        "--confidence", default="", metavar="MODULE.PORT", help="judge a confidence, in place of a score"
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

    if args.confidence:
        return judge(args)
    lesions = [name for names in args.lesion for name in names]
    options = {"deterministic": not args.sampled, "engine": args.engine, "swap": dict(args.swap)}
    scores = evaluate(load(args.folder), args.episodes, lesions, **options)
    if args.json:
        print(json.dumps({task: score.plain() for task, score in scores.items()}))
        return 0
    engine = f", engine {args.engine}" if args.engine else ""
    swapped = "".join(f", {name} from {path}" for name, path in args.swap)
    print(f"{args.folder}{engine}{', lesioned: ' + ', '.join(lesions) if lesions else ''}{swapped}")
    for task, s in scores.items():
        if s.score is None:
            print(f"  {task}: mean return {s.mean:.2f} [{s.low:.2f}, {s.high:.2f}] over {s.episodes} episodes")
            continue
        print(f"  {task}: score {s.score:.3f} [{s.low:.3f}, {s.high:.3f}] over {s.episodes} episodes")
        print(f"  {'':{len(task)}}  mean return {s.mean:.2f} (null {s.null:.2f} = 0, oracle {s.oracle:.2f} = 1)")
    return 0


def judge(args: argparse.Namespace) -> int:
    """Prints how well a confidence knows whether what is done is right."""
    from experiments.confidence import confidence
    from experiments.run import load

    found = confidence(load(args.folder), args.confidence, args.episodes)
    if args.json:
        print(json.dumps(found.plain()))
        return 0
    print(f"{args.folder}, {found.port} of {found.decisions} decisions on test episodes")
    print(f"  right {100 * found.right:.1f} %, on average {100 * found.mean:.1f} % sure")
    print(f"  calibration error {found.calibration_error:.3f}")
    print(f"  type-2 AUROC {found.auroc:.3f} [{found.low:.3f}, {found.high:.3f}]")
    return 0
