"""Write a trained brain as one portable program that acts with JAX, flatbuffers and NumPy alone, on CPU, GPU or TPU.

The file is brain.jax in the run if none is named. Beside it, a .json file describes its inputs and outputs, and has an
example of its use.

examples:
  scrubjay export runs/jay
  scrubjay export runs/jay --batch 16 --sampled -o brains/jay.jax
"""

from __future__ import annotations

import argparse
from pathlib import Path

from experiments.commands.evaluate import positive


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="RUN", help="a run directory")
    parser.add_argument("-o", "--output", metavar="FILE", help="file to write (default: brain.jax in the run)")
    parser.add_argument("--batch", type=positive, default=1, metavar="N", help="bodies it acts for (default: 1)")
    parser.add_argument("--sampled", action="store_true", help="draw actions instead of taking the likeliest")
    parser.add_argument("--checkpoint", type=int, metavar="N", help="by its number (default: the newest)")


def run(args: argparse.Namespace) -> int:
    from experiments.export import write_program
    from experiments.run import load

    target = Path(args.output) if args.output else Path(args.folder) / "brain.jax"
    for path in write_program(load(args.folder), target, args.batch, not args.sampled, args.checkpoint):
        print(path)
    return 0
