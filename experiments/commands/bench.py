"""Measure speed: ours and a plain reference (train), or a peer (peers), in alternating turns; or soundness (soak).

  train   decisions/s of the world alone, the brain alone, acting and training; compile seconds cold and warm;
          the same training written out by hand
  peers   training beside sb3-contrib's RecurrentPPO, per CPU-second (needs the extra `bench`)
  soak    random actions, extreme ones among them, over all tasks and bodies: faults, numbers that are not finite

examples:
  scrubjay bench train
  scrubjay bench train agent=gru --turns 9 -o experiments/results/bench-train-gru.json
  scrubjay bench peers
  scrubjay bench soak --steps 10000000 -o experiments/results/soak.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from experiments.commands.evaluate import positive


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["train", "peers", "soak"], help="what to measure")
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="group=choice or a.b=value, as for train")
    parser.add_argument("--turns", type=positive, default=5, metavar="N", help="alternating turns (default: 5)")
    parser.add_argument("--steps", type=positive, default=1_000_000, metavar="N", help="decisions of soak, in all")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of soak (default: 0)")
    parser.add_argument("-o", "--output", metavar="FILE", help="also write the figures to this file, as JSON")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(args: argparse.Namespace) -> int:
    def say(text: str) -> None:
        print(text, file=sys.stderr)

    if args.what == "train":
        from experiments.bench import train

        found = train.bench(args.overrides, args.turns, say)
    elif args.what == "soak":
        from experiments.bench import soak
        from experiments.errors import RunError

        if args.overrides:
            raise RunError("bench soak takes no overrides: it goes through all tasks and bodies.")
        found = soak.bench(args.steps, args.seed, say)
    else:
        from experiments.bench import peers
        from experiments.errors import RunError

        if args.overrides:
            raise RunError("bench peers takes no overrides: the brain is agent=gru, the world FORAGE.")
        found = peers.bench(args.turns, say)
    if args.output:
        from experiments.run import write

        write(Path(args.output), json.dumps(found, indent=2) + "\n")
    if args.json:
        print(json.dumps(found))
    else:
        show(found)
    return 0


def show(found: dict[str, Any]) -> None:
    if "total" in found:
        print("in all: {decisions:,} decisions, {faults} faults, {not_finite} not finite".format(**found["total"]))
    for name, rate in found.get("rates", {}).items():
        print(f"{name:18} {rate['per_second']:>10,.0f} decisions/s {rate['per_cpu_second']:>10,.0f} per CPU-second")
    for name, seconds in found.get("compile_seconds", {}).items():
        print(f"compile, {name:16} cold {seconds['cold']:.1f} s, warm {seconds['warm']:.1f} s")
    for name, value in found.get("ratios", {}).items():
        print(f"{name}: {value:.2f}")
    for name, value in found.get("per_cpu_second", {}).items():
        print(f"{name:26} {value:>10,.0f} decisions per CPU-second")
    if "ratio" in found:
        print(f"ratio: {found['ratio']:.1f}")
