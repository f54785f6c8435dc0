"""Measure speed and learning beside a plain reference or a peer, in alternating turns of one run.

  train     decisions/s of the world alone, the brain alone, acting and training; compile seconds cold and warm;
            the same training written out by hand
  worlds    steps per CPU-second of Ant, beside raw MuJoCo, EnvPool and Gymnasium's vector environments
  peers     training beside sb3-contrib's RecurrentPPO, per CPU-second
  machines  HalfCheetah and Ant beside Stable-Baselines3's PPO, the same job: returns, and speed per CPU-second
  client    what Stable-Baselines3's PPO learns of FORAGE through our Gymnasium vector environment, and ours without
            memory in as many decisions
  engines   FORAGE's oracle, and an agent with --run, on several physics engines: the same returns
  ground    agents trained on GROUND (--run, several) in its splits: first-touch accuracy by groups of sentences
  sparse    10,000 sparsely connected spiking neurons, beside Brian2's C++ and BrainPy
  spiking   training a recurrent spiking network, beside Spyx, snnTorch, Norse and SpikingJelly
  planning  tree search beside bare mctx, the cross-entropy method beside torch, a brain with and without a planner
  memory    exact search for the 8 nearest of 65,536 and of a million keys, beside faiss's IndexFlat
  recall    learning through a store: gradient to the query, or what was recalled replayed; speed and memory
  load      what each kind of memory keeps under load: capacity, interference, false recall, errors of source
  language  sentences by MiniLM beside sentence-transformers, new ones and known ones; a brain with words and without
  frozen    a frozen transformer, pretrained or not, that names what is in view or recalls after a delay, beside a GRU
  faculties agents trained on DMP, REVERSAL or DETOUR (--run, several) in the conditions that tell whether a faculty
            is there: longer delays, a store wiped, pairs and barriers never met
  arbitration  agents with controller and planner (--run, several), planning never, always and on demand
  soak      random actions, extreme ones among them, over all tasks and bodies: faults, numbers that are not finite

All but `train`, `engines`, `ground`, `load`, `recall`, `frozen`, `faculties`, `arbitration` and `soak` need the extra
`bench`, `sparse` and `spiking` the extra `bench-spiking`, `planning` also the extra `planning`, `language` the extra
`bench-language` and `frozen` the extra `language`.

examples:
  scrubjay bench train
  scrubjay bench train agent=gru --turns 9 -o experiments/results/bench-train-gru.json
  scrubjay bench engines --run runs/jay --engines c mjx --episodes 1024
  scrubjay bench ground --run runs/ground-* -o experiments/results/ground.json
  scrubjay bench faculties --run runs/dmp-* --episodes 512 -o experiments/results/dmp.json
  scrubjay bench arbitration task.split=transparent --run runs/way-* --episodes 512
  scrubjay bench soak --steps 10000000 -o experiments/results/soak.json
  scrubjay bench machines --decisions 1000000 --seeds 3 -o experiments/results/bench-machines.json
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from experiments.commands.evaluate import positive

BENCHES = (
    "train", "worlds", "peers", "machines", "client", "engines", "ground", "sparse", "spiking", "planning", "memory",
    "recall", "load", "language", "frozen", "faculties", "arbitration", "soak",
)  # fmt: skip
Found = dict[str, Any]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=BENCHES, help="what to measure")
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="OVERRIDE",
        help="of train: group=choice or a.b=value; of arbitration: the world that the agents are put into",
    )
    parser.add_argument("--turns", type=positive, default=5, metavar="N", help="alternating turns (default: 5)")
    parser.add_argument(
        "--seeds", type=positive, default=3, metavar="N", help="of machines, client, load and frozen (default: 3)"
    )
    parser.add_argument(
        "--decisions", type=positive, default=1_000_000, metavar="N", help="of machines and client (default: 1000000)"
    )
    parser.add_argument(
        "--steps", type=positive, default=1_000_000, metavar="N", help="of soak, in all worlds together"
    )
    parser.add_argument(
        "--run",
        dest="folders",
        nargs="+",
        action="extend",
        default=[],
        metavar="RUN",
        help="of engines: also its agent; of ground, faculties, arbitration: all",
    )
    parser.add_argument("--engines", nargs="+", default=["c", "mjx"], metavar="NAME", help="(default: c mjx)")
    parser.add_argument(
        "--episodes", type=positive, default=1024, metavar="N", help="of engines, ground and so on (default: 1024)"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="also write the figures to this file, as JSON")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(args: argparse.Namespace) -> int:
    if args.overrides and args.what not in ("train", "arbitration"):
        from experiments.errors import RunError

        raise RunError(f"bench {args.what} takes no overrides, got {args.overrides[0]!r}: its job is fixed.")
    more = {"number": args.episodes, "folder": next(iter(args.folders), None), "seed": 0}
    found = measured(args.what, vars(args) | more | {"say": lambda text: print(text, file=sys.stderr)})
    if args.output:
        from experiments.run import write

        write(Path(args.output), json.dumps(found, indent=2) + "\n")
    if args.json:
        print(json.dumps(found))
    else:
        show(found)
    return 0


def measured(what: str, given: Mapping[str, Any]) -> Found:
    """What the `bench` of `experiments/bench/<what>.py` finds; it takes of what is given that which it names."""
    bench = import_module(f"experiments.bench.{what}").bench
    return bench(**{name: given[name] for name in inspect.signature(bench).parameters if name in given})


def show(found: Found) -> None:
    if "total" in found:
        print("in all: {decisions:,} decisions, {faults} faults, {not_finite} not finite".format(**found["total"]))
    for name, rate in found.get("rates", {}).items():
        print(f"{name:18} {rate['per_second']:>10,.0f} decisions/s {rate['per_cpu_second']:>10,.0f} per CPU-second")
    for name, seconds in found.get("compile_seconds", {}).items():
        print(f"compile, {name:16} cold {seconds['cold']:.1f} s, warm {seconds['warm']:.1f} s")
    for name, value in found.get("per_cpu_second", {}).items():
        print(f"{name:26} {value:>10,.0f} {found.get('unit', 'decisions')} per CPU-second")
    for name, value in found.get("ratios", {}).items():
        print(f"{name}: {value:.2f}")
    for name, seeds in found.get("scores", {}).items():
        for s in seeds:
            print(f"{name:22} seed {s['seed']}: score {s['score']:.3f} [{s['low']:.3f}, {s['high']:.3f}]")
    for name, player in found.get("engines", {}).items():
        for engine, row in (player["returns"] | player["differences"]).items():
            print(f"{name:28} {engine:10} {row['mean']:8.3f} [{row['low']:.3f}, {row['high']:.3f}]")
    for name, size in found.get("bytes", {}).items():
        print(f"{name:26} {size / 1e6:>10,.0f} MB")
    for name, kind in found.get("memory", {}).items():
        for measure in ("recall by load", "recall by likeness"):
            cells = "  ".join(f"{x}: {row['mean']:.2f}" for x, row in kind[measure].items())
            print(f"{name:16} {measure:18} {cells}")
    for name, group in found.get("ground", {}).items():
        for split, row in group["splits"].items():
            seeds = ", ".join(f"{value:.3f}" for value in row["seeds"])
            parts = ", ".join(f"{part} {sum(each) / len(each):.3f}" for part, each in row["groups"].items())
            print(f"{name:18} {split:10} {row['mean']:.3f} ({seeds}): {parts}")
    for task, each in found.get("frozen", {}).items():
        for name, row in each["brains"].items():
            figures = f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
            print(f"{task:8} {name:28} {figures} (chance {each['chance']:.3f})")
    for name, group in found.get("faculties", {}).items():
        for title, row in group["conditions"].items():
            parts = ", ".join(f"{what} {figure['mean']:.3f}" for what, figure in row.items() if what != "score")
            seeds = ", ".join(f"{value:.3f}" for value in row["score"]["seeds"])
            print(f"{name:18} {title:18} score {row['score']['mean']:.3f} ({seeds}): {parts}")
        for title, ratio in group.get("ratios", {}).items():
            print(f"{name:18} {title}: {ratio:.2f}")
    for task, both in found.get("machines", {}).items():
        for name, r in both["returns"].items():
            print(f"{task:14} {name:18} return {r['mean']:7.0f} [{r['low']:.0f}, {r['high']:.0f}]")
        print(f"{task:14} ours is {both['speed ratio']:.2f} times as fast per CPU-second")
