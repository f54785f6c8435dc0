"""`bench spiking`: training a recurrent spiking network, beside Spyx, snnTorch, Norse and SpikingJelly."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from agent.ports import Port, Ports
from agent.spiking.lif import Lif, LifConfig
from experiments.bench.timing import peer
from experiments.run import circumstances

EXTRA = "bench-spiking"
BATCH, TICKS, INPUTS, HIDDEN, CLASSES = 128, 100, 700, 128, 20
DENSITY = 0.05
"""Part of the inputs that spike in a tick."""

Jobs = tuple[Callable[[], Any], Callable[[], Any]]
"""One step of training by Adam on the mean of the readout's membranes; one forward pass."""


def bench(turns: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Sample-steps per CPU-second, medians over alternating turns."""
    random = np.random.default_rng(0)
    train = (random.random((TICKS, BATCH, INPUTS)) < DENSITY).astype(np.float32)
    labels = random.integers(0, CLASSES, BATCH)
    makers = {"ours": ours, "Spyx": spyx, "snnTorch": snntorch, "Norse": norse, "SpikingJelly": spikingjelly}
    jobs: dict[str, Jobs] = {}
    for name, make in makers.items():
        say(f"{name} ...")
        jobs[name] = make(train, labels)
        for job in 3 * jobs[name]:
            job()
    found: dict[str, dict[str, list[float]]] = {"training": {}, "forward": {}}
    for turn in range(turns):
        for name, pair in jobs.items():
            for what, job in zip(found, pair, strict=True):
                before = time.process_time()
                job()
                rate = BATCH * TICKS / (time.process_time() - before)
                found[what].setdefault(name, []).append(rate)
        say(f"turn {turn + 1}: " + ", ".join(f"{n} {rates[-1] / 1e3:.0f} k" for n, rates in found["training"].items()))
    return {
        "per_cpu_second": {f"{n}, {what}": statistics.median(r) for what, by in found.items() for n, r in by.items()},
        "unit": "sample-steps",
        "ratios": {
            f"ours / {name}, {what}": statistics.median(a / b for a, b in zip(by["ours"], rates, strict=True))
            for what, by in found.items()
            for name, rates in by.items()
            if name != "ours"
        },
        "turns": turns,
        "measured": circumstances(),
    }


def ours(train: np.ndarray, labels: np.ndarray) -> Jobs:
    """Two recurrent populations of kind `lif`, all ticks in one decision, and a linear readout of their rates."""
    options = {"size": HIDDEN, "ticks": TICKS, "recurrent": True, "norm": False, "rate": 5.0}
    sizes = (INPUTS, HIDDEN)
    rngs = nnx.Rngs(0)
    layers = [Lif(LifConfig(**options), Ports(spikes=Port((TICKS, n), "spikes")), rngs) for n in sizes]
    awake(layers, jnp.asarray(train.swapaxes(0, 1)))
    network = nnx.List([*layers, nnx.Linear(HIDDEN, CLASSES, rngs=rngs)])
    keys = jax.random.split(jax.random.key(0), BATCH)

    def forward(network: Any, spikes: jax.Array) -> jax.Array:
        for layer in list(network)[:-1]:
            _, outputs = layer(layer.initial(BATCH), {"spikes": spikes}, keys)
            spikes = outputs["spikes"]
        return network[2](outputs["rate"])

    return _jax_jobs(network, forward, jnp.asarray(train.swapaxes(0, 1)), labels)


def awake(layers: list[Lif], spikes: jax.Array) -> None:
    """Scales the weights of each layer until it fires as its inputs do: silence would be cheap for sums over spikes."""
    keys = jax.random.split(jax.random.key(0), BATCH)

    @jax.jit
    def fired(weights: jax.Array, spikes: jax.Array, layer: Any) -> jax.Array:
        layer.synapses.kernel[...] = weights
        return layer(layer.initial(BATCH), {"spikes": spikes}, keys)[1]["spikes"]

    for layer in layers:
        weights, low, high = layer.synapses.kernel[...], 1.0, 100.0
        for _ in range(12):
            middle = (low * high) ** 0.5
            low, high = (low, middle) if fired(middle * weights, spikes, layer).mean() > DENSITY else (middle, high)
        layer.synapses.kernel[...] = high * weights
        spikes = fired(high * weights, spikes, layer)


def spyx(train: np.ndarray, labels: np.ndarray) -> Jobs:
    nn: Any = peer("spyx.nn", EXTRA)
    rngs = nnx.Rngs(0)
    network = nn.Sequential(
        nnx.Linear(INPUTS, HIDDEN, use_bias=False, rngs=rngs),
        nn.RLIF((HIDDEN,), beta=0.9, rngs=rngs),
        nnx.Linear(HIDDEN, HIDDEN, use_bias=False, rngs=rngs),
        nn.RLIF((HIDDEN,), beta=0.9, rngs=rngs),
        nnx.Linear(HIDDEN, CLASSES, use_bias=False, rngs=rngs),
        nn.LI((CLASSES,), rngs=rngs),
    )
    return _jax_jobs(network, lambda network, x: nn.run(network, x)[0].mean(axis=0), jnp.asarray(train), labels)


def _jax_jobs(network: Any, forward: Callable[[Any, jax.Array], jax.Array], train: jax.Array, labels: Any) -> Jobs:
    graph, weights = nnx.split(network)
    optimizer, classes = optax.adam(1e-3), jnp.asarray(labels)

    def loss(weights: Any, train: jax.Array) -> jax.Array:
        logits = forward(nnx.merge(graph, weights), train)
        return optax.softmax_cross_entropy_with_integer_labels(logits, classes).mean()

    @jax.jit
    def step(weights: Any, moments: Any, train: jax.Array) -> Any:
        changes, moments = optimizer.update(jax.grad(loss)(weights, train), moments)
        return optax.apply_updates(weights, changes), moments

    held = [(weights, optimizer.init(weights))]
    ahead = jax.jit(lambda weights, train: forward(nnx.merge(graph, weights), train))

    def learn() -> None:
        held[0] = jax.block_until_ready(step(*held[0], train))

    return learn, lambda: jax.block_until_ready(ahead(weights, train))


def _torch_jobs(network: Any, forward: Callable[[Any], Any], labels: np.ndarray) -> Jobs:
    torch: Any = peer("torch", EXTRA)
    torch.set_num_threads(1)
    optimizer, classes = torch.optim.Adam(network.parameters(), 1e-3), torch.as_tensor(labels)

    def learn() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(forward(network), classes).backward()
        optimizer.step()

    def ahead() -> None:
        with torch.no_grad():
            forward(network)

    return learn, ahead


def snntorch(train: np.ndarray, labels: np.ndarray) -> Jobs:
    torch, snn = peer("torch", EXTRA), peer("snntorch", EXTRA)
    x = torch.as_tensor(train)
    layers = [torch.nn.Linear(INPUTS, HIDDEN, bias=False), snn.RLeaky(beta=0.9, linear_features=HIDDEN)]
    layers += [torch.nn.Linear(HIDDEN, HIDDEN, bias=False), snn.RLeaky(beta=0.9, linear_features=HIDDEN)]
    network = torch.nn.ModuleList([*layers, torch.nn.Linear(HIDDEN, CLASSES)])

    def forward(network: Any) -> Any:
        (s1, m1), (s2, m2), total = network[1].reset_mem(), network[3].reset_mem(), 0.0
        for now in x:
            s1, m1 = network[1](network[0](now), s1, m1)
            s2, m2 = network[3](network[2](s1), s2, m2)
            total = total + s2
        return network[4](total / TICKS)

    return _torch_jobs(network, forward, labels)


def norse(train: np.ndarray, labels: np.ndarray) -> Jobs:
    torch: Any = peer("torch", EXTRA)
    lib: Any = peer("norse.torch", EXTRA)
    x = torch.as_tensor(train)
    network = torch.nn.ModuleList(
        [lib.LIFRecurrentCell(INPUTS, HIDDEN), lib.LIFRecurrentCell(HIDDEN, HIDDEN), torch.nn.Linear(HIDDEN, CLASSES)]
    )

    def forward(network: Any) -> Any:
        first = second = None
        total = 0.0
        for now in x:
            s, first = network[0](now, first)
            s, second = network[1](s, second)
            total = total + s
        return network[2](total / TICKS)

    return _torch_jobs(network, forward, labels)


def spikingjelly(train: np.ndarray, labels: np.ndarray) -> Jobs:
    torch: Any = peer("torch", EXTRA)
    jelly, functional = (
        peer("spikingjelly.activation_based", EXTRA),
        peer("spikingjelly.activation_based.functional", EXTRA),
    )
    layer, neuron = (
        peer("spikingjelly.activation_based.layer", EXTRA),
        peer("spikingjelly.activation_based.neuron", EXTRA),
    )
    x, _ = torch.as_tensor(train), jelly

    def recurrent() -> Any:
        leaky = neuron.LIFNode(tau=10.0, decay_input=False)
        return layer.LinearRecurrentContainer(leaky, HIDDEN, HIDDEN, bias=False)

    layers = [torch.nn.Linear(INPUTS, HIDDEN, bias=False), recurrent(), torch.nn.Linear(HIDDEN, HIDDEN, bias=False)]
    network = torch.nn.Sequential(*layers, recurrent())
    network.append(torch.nn.Linear(HIDDEN, CLASSES))

    def forward(network: Any) -> Any:
        functional.reset_net(network)
        total = 0.0
        for now in x:
            total = total + network[:4](now)
        return network[4](total / TICKS)

    return _torch_jobs(network, forward, labels)
