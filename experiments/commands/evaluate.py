"""Score a trained agent between the strongest null policy (0) and the scripted oracle (1); never trains.

Machines and Gymnasium environments have no null and no oracle: their mean return is told in place of a score. Tasks
may tell their metric apart for groups of episodes (GROUND: attribute, relations, take, not), and have measures beside
it (DMP: latencies and savings; REVERSAL: errors of either kind; DETOUR: inhibition, the choice of the shorter side).

overrides:
  task.a=value, env.a=value   set the world anew, as in 'scrubjay train'; the brain must sense and move as in training.
  task=NAME                   another task, with its default options; of an agent of many tasks, that one alone.
  agent.modules.m.a=value     holds a gate, or sets any option that leaves the weights as they are.
  Null and oracle stay those of the task's default options; where these do not fit, the mean is told without a score.

A lesion replaces everything a module sends, or one of its ports, by its mean over intact behaviour. A wipe sets a
module's state back when a trial begins: memory lost, not silenced. The interval is a 95 % bootstrap over
episodes of this one agent; comparing brains takes several seeds.

examples:
  scrubjay evaluate runs/jay
  scrubjay evaluate runs/jay --episodes 2000 --json
  scrubjay evaluate runs/ground task.split=pairs
  scrubjay evaluate runs/jay --lesion hippocampus --lesion v1.rate
  scrubjay evaluate runs/dmp task.delay=400 --wipe hippocampus@2
  scrubjay evaluate runs/dmp task=forage
  scrubjay evaluate runs/jay agent.modules.controller.gate=-1
  scrubjay evaluate runs/jay --engine mjx
  scrubjay evaluate runs/jay --swap v1=v1.nir
  scrubjay evaluate runs/jay --confidence insula.confidence
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experiments.scores import Score


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="RUN", help="a run directory")
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="a.b=value or task=NAME, as below")
    parser.add_argument("--episodes", type=positive, default=512, metavar="N", help="episodes per task (default: 512)")
    parser.add_argument(
        "--lesion", action="append", nargs="+", default=[], metavar="NAME", help="modules or ports to lesion"
    )
    parser.add_argument(
        "--wipe", action="append", default=[], metavar="MODULE@TRIAL", help="a module forgets: MODULE@2, MODULE@each"
    )
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
    options |= {"overrides": args.overrides, "wipes": args.wipe}
    scores = evaluate(load(args.folder), args.episodes, lesions, **options)
    if args.json:
        print(json.dumps({task: score.plain() for task, score in scores.items()}))
        return 0
    engine = f", engine {args.engine}" if args.engine else ""
    swapped = "".join(f", {name} from {path}" for name, path in args.swap)
    lesioned = f", lesioned: {', '.join(lesions)}" if lesions else ""
    forgot = f", wiped: {', '.join(args.wipe)}" if args.wipe else ""
    print(f"{' '.join([args.folder, *args.overrides])}{engine}{lesioned}{forgot}{swapped}")
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
    width = max(map(len, s.measures), default=0)
    for name, part in s.measures.items():
        said.append(f"{'':{len(task)}}  {name:{width}}  {part.mean:.3f} [{part.low:.3f}, {part.high:.3f}]")
    return said


def judge(args: argparse.Namespace) -> int:
    """Prints how well a confidence knows whether what is done is right."""
    from experiments.altered import altered
    from experiments.confidence import confidence
    from experiments.run import load

    found = confidence(altered(load(args.folder), args.overrides), args.confidence, args.episodes)
    if args.json:
        print(json.dumps(found.plain()))
        return 0
    print(f"{' '.join([args.folder, *args.overrides])}, {found.port} of {found.decisions} decisions on test episodes")
    print(f"  right {100 * found.right:.1f} %, on average {100 * found.mean:.1f} % sure")
    print(f"  calibration error {found.calibration_error:.3f}")
    print(f"  type-2 AUROC {found.auroc:.3f} [{found.low:.3f}, {found.high:.3f}]")
    return 0
