"""Record a trained agent and write the replay page: one HTML file that opens in any browser, without a network.

examples:
  scrubjay watch runs/jay
  scrubjay watch runs/jay -o jay.html --episodes 3 --no-open
"""

from __future__ import annotations

import argparse
import webbrowser
from pathlib import Path

from experiments.commands.evaluate import positive


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="RUN", help="a run directory")
    parser.add_argument("-o", "--output", metavar="FILE", help="the page (default: RUN/watch.html)")
    parser.add_argument("--episodes", type=positive, default=1, metavar="N", help="episodes to record (default: 1)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="which test episodes (default: 0)")
    parser.add_argument("--no-open", action="store_true", help="do not open the browser")


def run(args: argparse.Namespace) -> int:
    from experiments.errors import RunError
    from experiments.run import load
    from experiments.watch.page import write_page
    from experiments.watch.record import record

    job = load(args.folder)
    target = Path(args.output) if args.output else job.path / "watch.html"
    if target.suffix != ".html":
        raise RunError(f"{target}: the replay is a page. Give a name that ends in .html.")
    try:
        page = write_page(record(job, args.episodes, args.seed), target)
    except OSError as error:
        raise RunError(f"{target} cannot be written: {error}. Choose another file with -o.") from error
    print(f"{page} ({page.stat().st_size / 1e6:.1f} MB)")
    if not args.no_open:
        webbrowser.open(page.resolve().as_uri())
    return 0
