"""Record a trained agent and write the replay page: one HTML file that opens in any browser, without a network.

--say tells a run of GROUND a sentence of yours. Where it can be understood it is told in scenes in which it means one
thing of four; else, or with --scene random, in scenes drawn at random. Words outside of training are named.

overrides:
  task.a=value, env.a=value   set the world anew, as in 'scrubjay evaluate'

examples:
  scrubjay watch runs/jay
  scrubjay watch runs/jay -o jay.html --episodes 3 --no-open
  scrubjay watch runs/ground --say "go to the blue pillar left of the red stone"
  scrubjay watch runs/ground --say "dance with the blue pillar" --scene random --seed 3
  scrubjay watch runs/ground task.split=relations
"""

from __future__ import annotations

import argparse
import sys
import webbrowser
from pathlib import Path

from experiments.commands.evaluate import positive


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="RUN", help="a run directory")
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="a.b=value or task=NAME, as below")
    parser.add_argument("--say", metavar="SENTENCE", help="what the agent is told to do")
    parser.add_argument("--scene", default="fitting", metavar="HOW", help="fitting or random (default: fitting)")
    parser.add_argument("-o", "--output", metavar="FILE", help="the page (default: RUN/watch.html)")
    parser.add_argument("--episodes", type=positive, default=1, metavar="N", help="episodes to record (default: 1)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="which test episodes (default: 0)")
    parser.add_argument("--no-open", action="store_true", help="do not open the browser")


def run(args: argparse.Namespace) -> int:
    from experiments.altered import altered
    from experiments.errors import RunError
    from experiments.run import load
    from experiments.say import say
    from experiments.watch.page import write_page
    from experiments.watch.record import record

    trained = load(args.folder)
    job = altered(trained, args.overrides)
    target = Path(args.output) if args.output else job.path / "watch.html"
    if target.suffix != ".html":
        raise RunError(f"{target}: the replay is a page. Give a name that ends in .html.")
    if args.say is None and args.scene != "fitting":
        raise RunError(f"--scene {args.scene} is for a sentence. Give one with --say.")
    told = None if args.say is None else say(job, args.say, args.scene)
    for remark in told.remarks() if told else ():
        print(remark, file=sys.stderr)
    trace = record(job, args.episodes, args.seed, told)
    for time, text in trace.captions:
        print(f"{time:6.1f} s  {text}")
    try:
        page = write_page(trace, target)
    except OSError as error:
        raise RunError(f"{target} cannot be written: {error}. Choose another file with -o.") from error
    print(f"{page} ({page.stat().st_size / 1e6:.1f} MB)")
    if not args.no_open:
        webbrowser.open(page.resolve().as_uri())
    return 0
