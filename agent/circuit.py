"""A brain: modules and wires, checked, as one pure batched step."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import networkx as nx
from flax import nnx

from agent.errors import WiringError, unknown
from agent.module import IMPLEMENTATIONS, Arrays, Module, over
from agent.ports import MODEL, Port, Ports
from agent.registry import kind_of
from agent.wires import BODY, Wire

Params = dict[str, Any]
FROZEN = "frozen"
"""The attribute under which a module holds a pretrained transformer."""


def name_key(key: jax.Array, name: str) -> jax.Array:
    """A key that depends on the name only, so that adding a module changes nobody else's noise."""
    return jax.random.fold_in(key, zlib.crc32(name.encode()))


@dataclass(frozen=True, eq=False)
class Circuit:
    """Modules in the order in which they run, and the wires between them. Made by `agent.build`.

    inputs, outputs: the ports of every module as the wires made them; `outputs["body"]` are the senses.
    """

    modules: Mapping[str, Any]
    wires: tuple[Wire, ...]
    inputs: Mapping[str, Ports]
    outputs: Mapping[str, Ports]

    def init(self, key: jax.Array) -> Params:
        """Fresh weights: a plain tree `{module: {...}}`. Under `vmap` one set after the other.

        (Several batched QR decompositions in one program, as orthogonal weights need them, deadlock in XLA on the CPU.)
        """
        return jax.custom_batching.sequential_vmap(self._weights)(key)

    def _weights(self, key: jax.Array) -> Params:
        weights = {n: learned(self._create(n, name_key(key, n))) for n in self.modules}
        # Strongly typed, so that no step compiles twice.
        return jax.tree.map(lambda x: jnp.asarray(x, x.dtype), weights)

    @cached_property
    def frozen(self) -> Params:
        """Weights of pretrained transformers, `{module: {"frozen": {...}}}`: beside the params, and never learned."""
        holding = [name for name, box in self.boxes.items() if hasattr(box, FROZEN)]
        with jax.ensure_compile_time_eval():
            made = {name: getattr(self._create(name, jax.random.key(0)), FROZEN) for name in holding}
        return {name: {FROZEN: nnx.to_pure_dict(nnx.split(each)[1])} for name, each in made.items()}

    def whole(self, params: Params, frozen: Params) -> Params:
        """Params with `frozen` beside them, which makes both arguments of a program.

        All that takes params does without: the frozen weights are then constants of the program, which takes minutes to
        compile where they are large.
        """
        return {name: {**weights, **frozen.get(name, {})} for name, weights in params.items()}

    @cached_property
    def digests(self) -> dict[str, str]:
        """SHA-256 of the pretrained weights, by the module that runs them."""
        return {name: box.digest for name, box in self.boxes.items() if box.digest}

    def initial(self, batch: int) -> dict[str, Any]:
        """The state at the start of a life: every module's own, and what travels on delayed wires."""
        modules = {name: box.initial(batch) for name, box in self.boxes.items()}
        travelling = {
            str(w): jnp.zeros((batch, w.delay, *self.port(w.start).shape), self.port(w.start).dtype)
            for w in self.wires
            if w.delay
        }
        return {"modules": modules, "wires": travelling}

    def step(
        self,
        params: Params,
        state: dict[str, Any],
        observation: Arrays,
        first: jax.Array,
        key: jax.Array,
        *,
        probes: Iterable[str] = (),
        clamp: Mapping[str, jax.Array] | None = None,
    ) -> tuple[dict[str, Any], jax.Array, Arrays]:
        """One decision of the batch: `(state, action [B, A], trace)`.

        observation: `{sense: [B, ...]}`. first: `[B]` bool, where an episode begins. key: `[B]` random keys.
        probes: the `module.port`s to return in the trace. clamp: `{module.port: array}` replaces what those ports
        send, as a lesion does.
        """
        clamp = clamp or {}
        sent: dict[str, Any] = self.sensed(observation, clamp) | self.models(params)
        carried = self.carried(state["wires"], first)
        arriving = {w: buffer[:, 0] for w, buffer in carried.items()}
        modules = {}
        for name in self.modules:
            inputs = self.gather(name, sent, arriving)
            modules[name], outputs = self.advance(name, params, state["modules"][name], inputs, first, key)
            sent.update(self.clamped(name, outputs, clamp))
        travelling = {str(w): shift(carried[str(w)], sent[w.start]) for w in self.wires if w.delay}
        return {"modules": modules, "wires": travelling}, sent[self.action_port], {port: sent[port] for port in probes}

    def advance(
        self, name: str, params: Params, own: Any, inputs: Arrays, first: jax.Array, key: jax.Array
    ) -> tuple[Any, Arrays]:
        """One decision of one module. The only place where a new episode clears a module's state."""
        with jax.named_scope(name):
            box = self.with_weights(name, params)
            keys = jax.vmap(lambda k: name_key(k, name))(key)
            return box(box.reset(own, first), inputs, keys)

    def advance_over(
        self, name: str, params: Params, own: Any, inputs: Arrays, first: jax.Array, key: jax.Array
    ) -> tuple[Any, Arrays]:
        """All decisions of a module that has `over_time`: arrays are `[T, B, ...]`."""
        with jax.named_scope(name):
            keys = jax.vmap(jax.vmap(lambda k: name_key(k, name)))(key)
            return self.with_weights(name, params).over_time(own, inputs, first, keys)

    def renew(self, params: Params, sent: Arrays) -> Params:
        """The weights after every module with `renew` saw what came in: `sent` `{port: [N, ...]}` holds `followed`."""
        renewed, arriving = {}, {str(w): sent[w.start] for w in self.wires if w.start in sent}
        for name in self._renewing:
            box = self.with_weights(name, params)
            box.renew(self.gather(name, sent, arriving))
            renewed[name] = learned(box)
        return params | renewed

    @cached_property
    def followed(self) -> tuple[str, ...]:
        """The ports that `renew` wants to see."""
        return tuple(dict.fromkeys(w.start for w in self.wires if w.target in self._renewing))

    @cached_property
    def replayed(self) -> tuple[str, ...]:
        """The ports that somebody hears and that learning takes as data, as their modules declare."""
        heard = dict.fromkeys(w.start for w in self.wires if w.source != BODY)
        return tuple(p for p in heard if p.split(".")[1] in self.boxes[p.split(".")[0]].replayed)

    @cached_property
    def _renewing(self) -> tuple[str, ...]:
        return tuple(name for name, box in self.boxes.items() if type(box).renew is not Module.renew)

    def with_weights(self, name: str, params: Params) -> Module[Any]:
        """One module with its weights."""
        definition, weights = nnx.split(self.boxes[name])
        own = params[name] if FROZEN in params[name] else self.whole({name: params[name]}, self.frozen)[name]
        nnx.replace_by_pure_dict(weights, own)
        return nnx.merge(definition, weights)

    def models(self, params: Params) -> dict[str, Module[Any]]:
        """What ports of dtype `model` send: their modules, with weights; no state or input changes it."""
        return {w.start: self.with_weights(w.source, params) for w in self.wires if self.port(w.start).dtype == MODEL}

    def carried(self, travelling: Arrays, first: jax.Array) -> Arrays:
        """What delayed wires hold, emptied where an episode begins."""
        return {w: jnp.where(over(first, x), jnp.zeros_like(x), x) for w, x in travelling.items()}

    def sensed(self, observation: Arrays, clamp: Mapping[str, jax.Array]) -> Arrays:
        """The senses as ports `body.*`."""
        return self.clamped(BODY, {name: observation[name] for name in self.outputs[BODY]}, clamp)

    def clamped(self, name: str, outputs: Arrays, clamp: Mapping[str, jax.Array]) -> Arrays:
        """A module's outputs under their full names, replaced where they are clamped."""
        sent = {f"{name}.{port}": value for port, value in outputs.items()}
        return {p: jnp.broadcast_to(clamp[p], v.shape).astype(v.dtype) if p in clamp else v for p, v in sent.items()}

    def gather(self, name: str, sent: Mapping[str, Any], arriving: Arrays) -> Arrays:
        """What a module's input ports receive, merged as each port declares; delayed wires deliver `arriving`."""
        inputs: Arrays = {}
        for port, declared in self.modules[name].inputs.items():
            wires = [w for w in self.wires if w.target == name and w.input == port]
            values = [arriving[str(w)] if w.delay else sent[w.start] for w in wires]
            if values:
                inputs[port] = sum(values[1:], values[0]) if declared.merge == "sum" else _concatenate(values)
        return inputs

    @cached_property
    def boxes(self) -> dict[str, Module[Any]]:
        """Every module with shapes in place of weights: enough for `initial`."""
        return {name: nnx.eval_shape(lambda n=name: self._create(n, jax.random.key(0))) for name in self.modules}

    @cached_property
    def action_port(self) -> str:
        """The `module.port` that moves the body."""
        return next(w.start for w in self.wires if w.end == f"{BODY}.action")

    @cached_property
    def port_names(self) -> tuple[str, ...]:
        """Every `module.port` that can be probed or clamped."""
        ports = [(f"{name}.{port}", made) for name, ports in self.outputs.items() for port, made in ports.items()]
        return tuple(name for name, made in ports if made.dtype != MODEL)

    def port(self, place: str) -> Port:
        """The output port called `module.port`."""
        name, port = place.split(".")
        return self.outputs[name][port]

    def check_ports(self, ports: Iterable[str], place: str) -> None:
        """Raises a `WiringError` for ports that this brain does not have."""
        problems = [f"{place}: {unknown('port', p, self.port_names)}" for p in ports if p not in self.port_names]
        if problems:
            raise WiringError(problems)

    @cached_property
    def graph(self) -> nx.MultiDiGraph:
        """The brain as a networkx graph: a node per module (and the body), an edge per wire."""
        graph = nx.MultiDiGraph(name="brain")
        for name, ports in self.outputs.items():
            kind = "body" if name == BODY else kind_of(self.modules[name])
            graph.add_node(name, kind=kind, ports=", ".join(f"{p}: {port}" for p, port in ports.items()))
        for wire in self.wires:
            data = {
                "output": wire.output,
                "input": wire.input,
                "delay": wire.delay,
                "carries": str(self.port(wire.start)),
            }
            graph.add_edge(wire.source, wire.target, key=str(wire), **data)
        return graph

    def _create(self, name: str, key: jax.Array) -> Module[Any]:
        config = self.modules[name]
        return IMPLEMENTATIONS[type(config)](config, self.inputs[name], nnx.Rngs(key))


def learned(box: Module[Any]) -> Params:
    """A module's weights as a plain tree, without those of a pretrained transformer."""
    return {name: each for name, each in nnx.to_pure_dict(nnx.split(box)[1]).items() if name != FROZEN}


def _concatenate(values: list[jax.Array]) -> jax.Array:
    return values[0] if len(values) == 1 else jnp.concatenate(values, axis=1)


def shift(buffer: jax.Array, value: jax.Array) -> jax.Array:
    """A delayed wire one decision later: `buffer [B, delay, ...]` loses its oldest and gains `value [B, ...]`."""
    return jnp.concatenate([buffer[:, 1:], value[:, None]], axis=1)
