"""Measure speed, ours and a plain reference (train) or a peer (peers), or what other people's agents learn (client).

  train   decisions/s of the world alone, the brain alone, acting and training; compile seconds cold and warm;
          the same training written out by hand
  peers   training beside sb3-contrib's RecurrentPPO, per CPU-second (needs the extra `bench`)
  client  what Stable-Baselines3's PPO learns of FORAGE through our Gymnasium vector environment, and ours without
          memory in as many decisions (needs the extra `bench`)

examples:
  scrubjay bench train
  scrubjay bench train agent=gru --turns 9 -o experiments/results/bench-train-gru.json
  scrubjay bench peers
  scrubjay bench client --decisions 1000000 --turns 3
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from experiments.commands.evaluate import positive


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["train", "peers", "client"], help="what to measure")
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="group=choice or a.b=value, as for train")
    parser.add_argument(
        "--turns", type=positive, metavar="N", help="alternating turns (default: 5); of client, seeds (3)"
    )
    parser.add_argument(
        "--decisions", type=positive, default=1_000_000, metavar="N", help="of client, for each (default: 1000000)"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="also write the figures to this file, as JSON")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(args: argparse.Namespace) -> int:
    def say(text: str) -> None:
        print(text, file=sys.stderr)

    if args.what == "train":
        from experiments.bench import train

        found = train.bench(args.overrides, args.turns or 5, say)
    else:
        from experiments.bench import client, peers
        from experiments.errors import RunError

        if args.overrides:
            raise RunError(f"bench {args.what} takes no overrides: the brain is agent=gru, the world FORAGE.")
        peer = args.what == "peers"
        found = peers.bench(args.turns or 5, say) if peer else client.bench(args.decisions, args.turns or 3, say)
    if args.output:
        from experiments.run import write

        write(Path(args.output), json.dumps(found, indent=2) + "\n")
    if args.json:
        print(json.dumps(found))
    else:
        show(found)
    return 0


def show(found: dict[str, Any]) -> None:
    for name, rate in found.get("rates", {}).items():
        print(f"{name:18} {rate['per_second']:>10,.0f} decisions/s {rate['per_cpu_second']:>10,.0f} per CPU-second")
    for name, seconds in found.get("compile_seconds", {}).items():
        print(f"compile, {name:16} cold {seconds['cold']:.1f} s, warm {seconds['warm']:.1f} s")
    for name, value in found.get("ratios", {}).items():
        print(f"{name}: {value:.2f}")
    for name, value in found.get("per_cpu_second", {}).items():
        print(f"{name:26} {value:>10,.0f} decisions per CPU-second")
    for name, seeds in found.get("scores", {}).items():
        for s in seeds:
            print(f"{name:22} seed {s['seed']}: score {s['score']:.3f} [{s['low']:.3f}, {s['high']:.3f}]")
    if "ratio" in found:
        print(f"ratio: {found['ratio']:.1f}")
