"""What the node types of NIR 1.0 do in one tick (Pedersen et al. 2024, table 1, "Neuromorphic intermediate
representation", Nature Communications 15:8122).

NIR states neurons as differential equations; here they are solved over a tick in which the input stays as it is,
exactly or by forward Euler. Arrays carry a leading batch axis; constants are of the nodes' shape or numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from agent.spiking.surrogate import Surrogate, spike

Numbers = dict[str, Any]


class Clock(NamedTuple):
    """How time passes: ticks of `tick` seconds; and what stands in for the gradient of a spike."""

    tick: float
    integration: Literal["exact", "euler"] = "exact"
    surrogate: Surrogate = "fast_sigmoid"
    slope: float = 10.0

    def towards(self, x: Any, goal: Any, tau: Any) -> Any:
        """A tick of τ x' = goal - x."""
        part = self.tick / tau
        return x + (goal - x) * (-jnp.expm1(-part) if self.integration == "exact" else part)

    def spike(self, above: Any, span: Any) -> Any:
        """Whether it is above threshold; the gradient is as wide as the way from rest, `span`."""
        return spike(above / jnp.maximum(jnp.abs(span), 1e-6), self.surrogate, self.slope)

    def ticks(self, seconds: Any) -> np.ndarray:
        """The nearest whole number of ticks."""
        return np.rint(np.asarray(seconds, np.float64) / self.tick).astype(int)


Cells = Callable[[Numbers, tuple[int, ...], Clock], dict[str, np.ndarray]]
Tick = Callable[[Numbers, dict[str, Any], Any, Clock], tuple[dict[str, Any], Any]]


def _nothing(node: Numbers, shape: tuple[int, ...], clock: Clock) -> dict[str, np.ndarray]:
    return {}


class NodeType(NamedTuple):
    """tick: from constants, cells, input and clock to cells and output; cells: those of one environment at the start;
    weights: what a gradient may change, as it stands in the file; spikes: whether it gives nothing but 0 and 1.
    """

    tick: Tick
    weights: tuple[str, ...] = ()
    cells: Cells = _nothing
    spikes: bool = False

    @property
    def remembers(self) -> bool:
        return self.cells is not _nothing


def _resting(*names: str) -> Cells:
    def cells(node: Numbers, shape: tuple[int, ...], clock: Clock) -> dict[str, np.ndarray]:
        rest = np.broadcast_to(np.asarray(node.get("v_leak", 0.0), np.float32), shape)
        return {name: rest if name == "v" else np.zeros(shape, np.float32) for name in names}

    return cells


def _elementwise(tick: Tick) -> Tick:
    """Constants of a node's shape, or numbers, meet arrays with a batch axis."""

    def aligned(node: Numbers, cells: Numbers, x: Any, clock: Clock) -> tuple[Numbers, Any]:
        return tick({name: _under(value, x) for name, value in node.items()}, cells, x, clock)

    return aligned


def _under(value: Any, x: Any) -> Any:
    """With as many axes as `x`."""
    shape = np.shape(value)
    return jnp.reshape(value, (1,) * (x.ndim - len(shape)) + shape)


def _fired(node: Numbers, v: Any, clock: Clock) -> tuple[Any, Any]:
    """The membrane after spikes, and the spikes."""
    s = clock.spike(v - node["v_threshold"], node["v_threshold"] - node.get("v_leak", node["v_reset"]))
    return v * (1.0 - s) + node["v_reset"] * s, s


@_elementwise
def _leaky(node: Numbers, cells: Numbers, x: Any, clock: Clock) -> tuple[Numbers, Any]:
    v = clock.towards(cells["v"], node["v_leak"] + node["r"] * x, node["tau"])
    return {"v": v}, v


@_elementwise
def _leaky_fire(node: Numbers, cells: Numbers, x: Any, clock: Clock) -> tuple[Numbers, Any]:
    v, s = _fired(node, _leaky(node, cells, x, clock)[1], clock)
    return {"v": v}, s


def _synapse(node: Numbers, cells: Numbers, x: Any, clock: Clock) -> tuple[Any, Any]:
    """The synaptic current first, then the membrane that it charges."""
    i = clock.towards(cells["i"], node["w_in"] * x, node["tau_syn"])
    return i, clock.towards(cells["v"], node["v_leak"] + node["r"] * i, node["tau_mem"])


@_elementwise
def _synaptic(node: Numbers, cells: Numbers, x: Any, clock: Clock) -> tuple[Numbers, Any]:
    i, v = _synapse(node, cells, x, clock)
    return {"i": i, "v": v}, v


@_elementwise
def _synaptic_fire(node: Numbers, cells: Numbers, x: Any, clock: Clock) -> tuple[Numbers, Any]:
    i, v = _synapse(node, cells, x, clock)
    v, s = _fired(node, v, clock)
    return {"i": i, "v": v}, s


@_elementwise
def _integrate(node: Numbers, cells: Numbers, x: Any, clock: Clock) -> tuple[Numbers, Any]:
    v = cells["v"] + clock.tick * node["r"] * x
    return {"v": v}, v


@_elementwise
def _integrate_fire(node: Numbers, cells: Numbers, x: Any, clock: Clock) -> tuple[Numbers, Any]:
    v, s = _fired(node, _integrate(node, cells, x, clock)[1], clock)
    return {"v": v}, s


def _affine(node: Numbers, cells: Numbers, x: Any, clock: Clock) -> tuple[Numbers, Any]:
    y = jnp.einsum("...oi,b...i->b...o", node["weight"], x)
    return cells, y + _under(node["bias"], y) if "bias" in node else y


def _convolve(node: Numbers, cells: Numbers, x: Any, clock: Clock) -> tuple[Numbers, Any]:
    axes = node["weight"].ndim - 2
    padding = node["padding"]
    if not isinstance(padding, str):
        padding = [(p, p) for p in _each(padding, axes)]
    y = jax.lax.conv_general_dilated(
        x,
        node["weight"],
        _each(node["stride"], axes),
        padding.upper() if isinstance(padding, str) else padding,
        rhs_dilation=_each(node["dilation"], axes),
        feature_group_count=int(node["groups"]),
    )
    return cells, y + node["bias"].reshape(1, -1, *[1] * axes)


def _each(value: Any, axes: int) -> list[int]:
    return [int(v) for v in np.broadcast_to(np.asarray(value), (axes,))]


def _sum_pool(node: Numbers, cells: Numbers, x: Any, clock: Clock) -> tuple[Numbers, Any]:
    size, stride, padding = (_each(node[name], 2) for name in ("kernel_size", "stride", "padding"))
    edges = [(0, 0), (0, 0), *((p, p) for p in padding)]
    return cells, jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, 1, *size), (1, 1, *stride), edges)


def _mean_pool(node: Numbers, cells: Numbers, x: Any, clock: Clock) -> tuple[Numbers, Any]:
    return cells, _sum_pool(node, cells, x, clock)[1] / np.prod(_each(node["kernel_size"], 2))


def _flatten(node: Numbers, cells: Numbers, x: Any, clock: Clock) -> tuple[Numbers, Any]:
    """Of axes without that of the batch."""
    shape, first, last = x.shape[1:], int(node["start_dim"]), int(node["end_dim"])
    last = last + len(shape) if last < 0 else last
    return cells, x.reshape(x.shape[0], *shape[:first], -1, *shape[last + 1 :])


def _late(node: Numbers, shape: tuple[int, ...], clock: Clock) -> dict[str, np.ndarray]:
    return {"sent": np.zeros((int(clock.ticks(node["delay"]).max(initial=0)), *shape), np.float32)}


def _delay(node: Numbers, cells: Numbers, x: Any, clock: Clock) -> tuple[Numbers, Any]:
    """The newest stands first."""
    sent = jnp.concatenate([x[:, None], cells["sent"]], axis=1)
    ago = np.broadcast_to(clock.ticks(node["delay"]), x.shape[1:])
    return {"sent": sent[:, :-1]}, jnp.take_along_axis(
        sent, jnp.broadcast_to(ago, (x.shape[0], 1, *ago.shape)), axis=1
    )[:, 0]


@_elementwise
def _step(node: Numbers, cells: Numbers, x: Any, clock: Clock) -> tuple[Numbers, Any]:
    return cells, clock.spike(x - node["threshold"], node["threshold"])


@_elementwise
def _scale(node: Numbers, cells: Numbers, x: Any, clock: Clock) -> tuple[Numbers, Any]:
    return cells, node["scale"] * x


def _pass(node: Numbers, cells: Numbers, x: Any, clock: Clock) -> tuple[Numbers, Any]:
    return cells, x


NODE_TYPES: dict[str, NodeType] = {
    "Input": NodeType(_pass),
    "Output": NodeType(_pass),
    "Affine": NodeType(_affine, ("weight", "bias")),
    "Linear": NodeType(_affine, ("weight",)),
    "Scale": NodeType(_scale, ("scale",)),
    "Conv1d": NodeType(_convolve, ("weight", "bias")),
    "Conv2d": NodeType(_convolve, ("weight", "bias")),
    "SumPool2d": NodeType(_sum_pool),
    "AvgPool2d": NodeType(_mean_pool),
    "Flatten": NodeType(_flatten),
    "Delay": NodeType(_delay, cells=_late),
    "Threshold": NodeType(_step, spikes=True),
    "I": NodeType(_integrate, cells=_resting("v")),
    "IF": NodeType(_integrate_fire, cells=_resting("v"), spikes=True),
    "LI": NodeType(_leaky, cells=_resting("v")),
    "LIF": NodeType(_leaky_fire, cells=_resting("v"), spikes=True),
    "CubaLI": NodeType(_synaptic, cells=_resting("i", "v")),
    "CubaLIF": NodeType(_synaptic_fire, cells=_resting("i", "v"), spikes=True),
}
"""Every type of NIR 1.0 but `NIRGraph`, which is a graph within a graph."""
