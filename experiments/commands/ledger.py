"""What every module of a trained brain costs per decision: time, arithmetic, memory, spikes and an estimate of energy.

Each module is compiled alone and run on what it meets in the run's own world. The estimate counts 4.6 pJ for a
multiplication with addition and 0.9 pJ for an addition (Horowitz 2014, 45 nm, 32-bit floating point); a spike costs one
addition per synapse that it reaches. What it costs to move numbers is left out.

examples:
  scrubjay ledger runs/jay
  scrubjay ledger runs/jay --json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.commands.evaluate import positive

if TYPE_CHECKING:
    from experiments.ledger import Row

HEAD = ("module", "kind", "CPU µs", "kFLOP", "kB", "params", "spikes", "additions", "nJ")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="RUN", help="a run directory")
    parser.add_argument("--repeats", type=positive, default=5, metavar="N", help="turns of timing (default: 5)")
    parser.add_argument("-o", "--output", metavar="FILE", help="also write the figures to this file, as JSON")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(args: argparse.Namespace) -> int:
    from experiments.ledger import ledger
    from experiments.run import circumstances, load, write

    rows = ledger(load(args.folder), args.repeats, lambda text: print(text, file=sys.stderr))
    found = {"per_decision": [row.plain() for row in rows], "measured": circumstances()}
    if args.output:
        write(Path(args.output), json.dumps(found, indent=2) + "\n")
    if args.json:
        print(json.dumps(found))
        return 0

    table = [HEAD, *(cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in table) for i in range(len(HEAD))]
    for line in table:
        words = [w.ljust(n) if i < 2 else w.rjust(n) for i, (w, n) in enumerate(zip(line, widths, strict=True))]
        print("  ".join(words).rstrip())
    return 0


def cells(row: Row) -> tuple[str, ...]:
    """A row in words."""
    decimals = (f"{x:.2f}" for x in (row.seconds * 1e6, row.flops / 1e3, row.bytes / 1e3))
    counts = (f"{row.parameters:,}", f"{row.spikes:.1f}", f"{row.additions:,.0f}")
    return (row.module, row.kind, *decimals, *counts, f"{row.joules * 1e9:.2f}")
