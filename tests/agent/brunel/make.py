"""Makes `brian2.json` anew: Brunel's network in Brian2, on the connections that ours has.

`python tests/agent/brunel/make.py` after `pip install brian2==2.9.0 'numpy<2.3' setuptools jax flax networkx omegaconf`
in an environment of its own; it takes a C++ compiler and a few minutes.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import brian2 as b
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[3]))

from agent.spiking.sparse import connect
from tests.agent.brunel.regimes import EXCITATORY, REGIMES, SECONDS, SETTLED, SIZE, summary


def simulated(g: float, ratio: float, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times and neurons of all spikes."""
    b.set_device("cpp_standalone", directory=tempfile.mkdtemp(), build_on_run=False)
    b.defaultclock.dt = 0.1 * b.ms
    b.seed(0)
    space = {"tau": 20 * b.ms, "theta": 20 * b.mV, "J": 0.1 * b.mV, "g": g, "back": 10 * b.mV}
    outside = ratio * 20 * b.mV / (0.1 * b.mV * 20 * b.ms)
    neurons = b.NeuronGroup(
        SIZE,
        "dv/dt = -v / tau : volt (unless refractory)",
        threshold="v > theta",
        reset="v = back",
        refractory=2 * b.ms,
        method="exact",
        namespace=space,
    )
    parts = []
    for low, high, change in ((0, EXCITATORY, "v += J"), (EXCITATORY, SIZE, "v -= g * J")):
        synapses = b.Synapses(neurons, neurons, on_pre=change, delay=1.5 * b.ms, namespace=space)
        senders, places = np.nonzero(table[low:high] < SIZE)
        synapses.connect(i=senders + low, j=table[low:high][senders, places])
        parts.append(synapses)
    monitor = b.SpikeMonitor(neurons)
    drive = b.PoissonInput(neurons, "v", 1000, outside / 1000, weight=0.1 * b.mV)
    network = b.Network(neurons, *parts, monitor, drive)
    network.run(SECONDS * b.second)
    b.device.build(run=True)
    times, who = np.asarray(monitor.t / b.second), np.asarray(monitor.i)
    b.device.reinit()
    return times[times >= SETTLED], who[times >= SETTLED]


if __name__ == "__main__":
    found = {}
    for name, (g, ratio) in REGIMES.items():
        found[name] = summary(*simulated(g, ratio, connect(SIZE, EXCITATORY, 0.1)))
        print(name, found[name])
    Path(__file__).with_name("brian2.json").write_text(json.dumps(found, indent=2) + "\n")
