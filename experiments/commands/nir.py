"""Exchange spiking networks with other simulators and chips: files of the neuromorphic intermediate representation.

With a file, shows what is in it. With a run and a module (of kind lif or nir), writes that module as it was trained.
A file comes in as a module of kind nir ('scrubjay train agent/v1=nir agent.modules.v1.path=net.nir'), or takes the
place of a trained module to be evaluated ('scrubjay evaluate runs/jay --swap v1=v1.nir').

examples:
  scrubjay nir net.nir
  scrubjay nir runs/jay v1 -o v1.nir
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("place", metavar="FILE|RUN", help="a .nir file, or a run directory")
    parser.add_argument("module", nargs="?", metavar="MODULE", help="of a run: the module to write")
    parser.add_argument("-o", "--output", metavar="FILE", help="file to write (default: MODULE.nir in the run)")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(args: argparse.Namespace) -> int:
    from experiments.errors import RunError

    if args.module:
        target = Path(args.output) if args.output else Path(args.place) / f"{args.module}.nir"
        export(args.place, args.module, target)
        shown = target
    elif Path(args.place).is_dir():
        raise RunError(f"{args.place} is a directory. Name the module to write too: scrubjay nir {args.place} v1")
    else:
        shown = Path(args.place)
    found = described(shown)
    if args.json:
        print(json.dumps(found))
        return 0
    print(f"{shown}: tick and integration {found['metadata'] or 'not said'}")
    for name, node in found["nodes"].items():
        late = f"  from the tick before: {', '.join(node['late'])}" if node["late"] else ""
        print(f"  {name:16} {node['type']:10} {node['shape']!s:16} from {', '.join(node['from']) or 'outside'}{late}")
    return 0


def export(folder: str, name: str, target: Path) -> None:
    """Writes a module of a run's newest checkpoint."""
    from agent.errors import ConfigError, unknown
    from agent.spiking.nir_export import write
    from agent.spiking.nir_file import NirError
    from experiments.run import load

    run = load(folder)
    if name not in run.circuit.modules:
        raise ConfigError(f"{folder}: {unknown('module', name, run.circuit.modules)}")
    try:
        write(run.circuit.with_weights(name, run.learner().params), target)
    except NirError as error:
        raise ConfigError(f"{folder}: module {name!r}: {error}") from error


def described(path: Path) -> dict[str, Any]:
    """Nodes in the order in which they run, with the shapes that leave them."""
    from agent.spiking.nir_file import read
    from agent.spiking.nir_nodes import Clock

    graph = read(path)
    shapes = graph.shapes(Clock(float(graph.metadata.get("tick", 1e-3))))
    nodes = {
        name: {
            "type": graph.nodes[name].type,
            "shape": list(shapes[name]),
            "from": list(graph.forward[name]),
            "late": list(graph.backward[name]),
        }
        for name in graph.order
    }
    metadata = {key: value.item() if hasattr(value, "item") else value for key, value in graph.metadata.items()}
    return {"nodes": nodes, "metadata": metadata}
