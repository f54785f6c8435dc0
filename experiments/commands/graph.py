"""Draw the wiring of a brain, or export it as a graph.

The ending of the file chooses the form: .svg, .html (with options on click), .graphml, .json (networkx node-link).
Without -o the wiring is listed.

examples:
  scrubjay graph
  scrubjay graph agent=gru -o gru.svg
  scrubjay graph agent/memory=none agent/motor=spiking -o brain.html
"""

from __future__ import annotations

import argparse
from pathlib import Path


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="group=choice or a.b=value, as for train")
    parser.add_argument("-o", "--output", metavar="FILE", help="file to write")


def run(args: argparse.Namespace) -> int:
    import agent
    from experiments.config import composed, experiment
    from experiments.draw import write_graph
    from experiments.errors import RunError
    from experiments.run import make_env, ports

    setup = experiment(composed(args.overrides))
    circuit = agent.build(setup.agent, *ports(make_env(setup, setup.learning.environments)))
    if not args.output:
        for wire in circuit.wires:
            print(f"{wire!s:60} {circuit.port(wire.start)}")
        return 0
    try:
        print(write_graph(circuit, Path(args.output)))
    except OSError as error:
        raise RunError(f"{args.output} cannot be written: {error}. Choose another file with -o.") from error
    return 0
