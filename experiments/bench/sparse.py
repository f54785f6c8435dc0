"""`bench sparse`: 10,000 sparsely connected leaky neurons, beside Brian2's compiled program and BrainPy."""

from __future__ import annotations

import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from agent.spiking.sparse_lif import SparseLifConfig, live, rest
from experiments.bench.timing import peer
from experiments.run import circumstances

EXTRA = "bench-spiking"
SIZE, EXCITATORY, PROBABILITY = 10_000, 8_000, 0.02
TICKS = 10_000  # a second in ticks of 0.1 ms
UP, DOWN = 1.62 * 0.4, 9.0 * 0.4
"""Weights in mV of Vogels & Abbott's network (Brette et al. 2007, benchmark 2), for as much input from more neurons."""

Job = Callable[[], tuple[float, float]]
"""One second of the network: CPU seconds, and the mean rate, Hz."""


def bench(turns: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Neuron-steps per CPU-second, medians over alternating turns."""
    say("building the networks ...")
    jobs: dict[str, Job] = {"ours": ours(), "Brian2 C++": brian2(), "BrainPy": brainpy()}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
    for turn in range(turns):
        for name, job in jobs.items():
            found[name].append(job())
        say(f"turn {turn + 1}: " + ", ".join(f"{n} {SIZE * TICKS / f[-1][0] / 1e6:,.0f} M" for n, f in found.items()))
    steps = {name: [SIZE * TICKS / cpu for cpu, _ in runs] for name, runs in found.items()}
    return {
        "per_cpu_second": {name: statistics.median(rates) for name, rates in steps.items()},
        "unit": "neuron-steps",
        "ratios": {
            f"ours / {name}": statistics.median(a / b for a, b in zip(steps["ours"], rates, strict=True))
            for name, rates in steps.items()
            if name != "ours"
        },
        "rates_hz": {name: statistics.mean(rate for _, rate in runs) for name, runs in found.items()},
        "turns": turns,
        "measured": circumstances(),
    }


def ours() -> Job:
    """Units of 10 mV above the reset potential; a spike is felt in the tick after."""
    config = SparseLifConfig(
        size=SIZE,
        probability=PROBABILITY,
        weight=UP / 10.0,
        balance=DOWN / UP,
        delay=0.0,
        synapse="current",
        ticks=1000,
        reset=0.0,
        refractory=5e-3,
        background=0.0,
    )
    fan, drive = jax.device_put(config.fan), jnp.full(SIZE, 1.1)
    step = jax.jit(lambda cells: live(config, fan, cells, drive, jax.random.key(0))[:2], donate_argnums=0)
    fresh = rest(config)
    start = jax.random.uniform(jax.random.key(1), fresh.v.shape)
    held = [fresh._replace(v=jnp.where(jnp.isfinite(fresh.v), start, fresh.v))]

    def second() -> tuple[float, float]:
        before, spikes = time.process_time(), jnp.zeros(())
        for _ in range(TICKS // config.ticks):
            held[0], count = step(held[0])
            spikes = spikes + count.sum()
        rate = float(spikes) / SIZE  # waits
        return time.process_time() - before, rate

    second()
    return second


def brian2() -> Job:
    """C++ standalone, one thread, 64-bit numbers, as it comes: a program of a second and more, less one without it."""
    b: Any = peer("brian2", EXTRA)
    short, _ = _standalone(b, 0.5)
    long, rate = _standalone(b, 1.5)

    def second() -> tuple[float, float]:
        return _cpu(long) - _cpu(short), rate

    return second


def _standalone(b: Any, seconds: float) -> tuple[Path, float]:
    """The folder of a compiled program, and the mean rate of its neurons."""
    folder = Path(tempfile.mkdtemp())
    b.device.reinit()
    b.set_device("cpp_standalone", directory=str(folder), build_on_run=False)
    b.defaultclock.dt = 0.1 * b.ms
    names = {"El": -49 * b.mV, "Vt": -50 * b.mV, "Vr": -60 * b.mV, "up": UP * b.mV, "down": DOWN * b.mV}
    equations = """dv/dt = (ge + gi - (v - El)) / (20*ms) : volt (unless refractory)
    dge/dt = -ge / (5*ms) : volt
    dgi/dt = -gi / (10*ms) : volt
    fired : 1"""
    rules = {"threshold": "v > Vt", "reset": "v = Vr; fired += 1", "refractory": 5 * b.ms, "method": "exact"}
    neurons = b.NeuronGroup(SIZE, equations, namespace=names, **rules)
    neurons.v = "Vr + rand() * (Vt - Vr)"
    parts = [(neurons[:EXCITATORY], "ge += up"), (neurons[EXCITATORY:], "gi -= down")]
    synapses = [b.Synapses(senders, neurons, on_pre=change, namespace=names) for senders, change in parts]
    for s in synapses:
        s.connect(p=PROBABILITY)
    b.Network(neurons, *synapses).run(seconds * b.second)
    b.device.build(directory=str(folder), run=True)
    return folder, float(np.asarray(neurons.fired[:]).mean()) / seconds


def _cpu(folder: Path) -> float:
    """CPU seconds of a program."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([folder / "main"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def brainpy() -> Job:
    """Its event-driven products of CSR matrices, in its own compiled loop."""
    bp: Any = peer("brainpy", EXTRA)
    bp.math.set_platform("cpu")
    bp.math.set_dt(0.1)
    neurons = bp.dyn.LifRef(
        SIZE,
        V_rest=-49.0,
        V_th=-50.0,
        V_reset=-60.0,
        tau=20.0,
        tau_ref=5.0,
        V_initializer=bp.init.Uniform(-60.0, -50.0),
    )

    def heard(senders: int, weight: float, tau: float) -> Any:
        chance = bp.conn.FixedProb(PROBABILITY, pre=senders, post=SIZE)
        return bp.dyn.HalfProjAlignPostMg(
            comm=bp.dnn.EventCSRLinear(chance, weight),
            syn=bp.dyn.Expon.desc(SIZE, tau=tau),
            out=bp.dyn.CUBA.desc(),
            post=neurons,
        )

    up, down = heard(EXCITATORY, UP, 5.0), heard(SIZE - EXCITATORY, -DOWN, 10.0)

    class Network(bp.DynSysGroup):
        def __init__(self) -> None:
            super().__init__()
            self.neurons, self.up, self.down = neurons, up, down

        def update(self) -> Any:
            spikes = self.neurons.spike
            self.up(spikes[:EXCITATORY])
            self.down(spikes[EXCITATORY:])
            self.neurons(0.0)
            return self.neurons.spike.sum()

    network = Network()

    def second() -> tuple[float, float]:
        before = time.process_time()
        count = np.asarray(bp.math.for_loop(network.step_run, np.arange(TICKS)))
        return time.process_time() - before, float(count.sum()) / SIZE

    second()
    return second
