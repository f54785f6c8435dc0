"""What all episodic stores share: what is held of a moment, when it is written, what gives way, what is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

import jax
import jax.numpy as jnp
from flax import nnx

from agent.config import option
from agent.layers import dense
from agent.memory.search import largest
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.unroll import fold

NEVER = jnp.iinfo(jnp.int32).max


@dataclass(frozen=True)
class StoreConfig:
    """Options of every store. A moment is its key, its value, its decision, and what else is wired in."""

    inputs: ClassVar = {
        "key": Input("concat", rank=1),
        "value": Input("concat", rank=1),
        "reward": Input("sum", rank=None, optional=True),
        "surprise": Input("sum", rank=None, optional=True),
        "gate": Input("sum", rank=None, optional=True),
        "priority": Input("sum", rank=None, optional=True),
        "place": Input("concat", rank=1, optional=True),
    }
    slots: int = option(64, "moments that can be held, K", low=1)
    features: int = option(16, "length of a key", low=1)
    every: int = option(4, "decisions from one write to the next, of write=every", low=1)
    read: int = option(0, "moments that take part in a recall; 0: all", low=0)
    write: Literal["every", "surprise", "reward", "gate"] = option(
        "every", "a moment is written every so often, or when that input is above `level` (reward, surprise: in size)"
    )
    level: float = option(0.1, "what the input that has a moment written must exceed", low=0.0)
    before: int = option(0, "decisions by which the moment that is written lies before now: what led to it", low=0)
    evict: Literal["oldest", "least_recalled", "lowest_priority"] = option(
        "oldest", "what gives way in a full store; least_recalled: per decision since it was written"
    )
    select: Literal["likeness", "newest", "rewarded"] = option("likeness", "by what the moments to read are chosen")
    life: bool = option(False, "holds moments beyond the episode")
    learn: Literal["query", "replay"] = option(
        "query", "what learning reaches; replay: nothing, what was recalled is recorded and taken as data"
    )

    def __post_init__(self) -> None:
        if self.read > self.slots:
            raise ValueError(f"read ({self.read}) must be at most slots ({self.slots}).")

    @property
    def count(self) -> int:
        """Moments in a recall, k."""
        return self.read or self.slots

    def ports(self, inputs: Ports) -> Ports:
        wanted = {"write": self.write, "evict": self.evict, "select": self.select}
        for name, choice in wanted.items():
            port = {"lowest_priority": "priority", "rewarded": "reward"}.get(choice, choice)
            if port in self.inputs and port not in inputs:
                raise ValueError(f"{name}={choice} needs its input '{port}', and no wire leads there. Wire it.")
        ports = {
            "recall": inputs["value"],
            "match": Port((1,), "signal"),
            "weights": Port((self.count,), "signal"),
            "recalled": Port((self.count,), "index", "int32"),
            "episode": Port((self.count,), "index", "int32"),
        }
        if "place" in inputs:
            ports["origin"] = Port((self.count, *inputs["place"].shape))
        return Ports(ports)


C = TypeVar("C", bound=StoreConfig)


class Store(Module[C]):
    """A store of moments, read before it is written, so that no moment recalls itself.

    Outputs: `recall`; `match`, how well the best fits (0: nothing does); of each moment that took part, its `weights`,
    the decision that it was (`recalled`, -1: none), the `episode`, counted from the first one held, and `origin`, the
    place if one was wired. What is written counts as data: gradient reaches the query, not the writers.
    A kind says how a moment weighs (`weigh`), and may change what is recalled of
    them, or where a moment goes.
    """

    def __init__(self, config: C, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.project = dense(inputs["key"].shape[0], config.features, rngs)

    @property
    def replayed(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return tuple(self.config.ports(self.inputs)) if self.config.learn == "replay" else ()

    # What a kind says of itself

    def likeness(self, query: jax.Array, keys: jax.Array) -> jax.Array:
        """Of queries `[B, D]` and keys `[B, K, D]`, at most 1: `[B, K]`. Here the cosine."""
        return jnp.einsum("bd,bkd->bk", query, keys)

    def weigh(self, query: jax.Array, found: Arrays, likeness: jax.Array) -> jax.Array:
        """Weights `[B, k]` of the moments that were found, which add up to 1 or are all 0."""
        raise TypeError(f"{type(self).__name__} has no weigh")

    def combine(self, query: jax.Array, found: Arrays, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
        """What is recalled, `[B, V]`, and the weights that had a part in it."""
        return jnp.einsum("bk,bkd->bd", weights, found["values"]), weights

    def beside(self, state: State, found: Arrays) -> Arrays:
        """What else a recall needs of the store."""
        return {}

    def settle(self, state: State, moment: Arrays, slot: jax.Array) -> tuple[Arrays, jax.Array]:
        """The moment as it is kept, and its slot `[B]`."""
        return moment, slot

    # What they share

    def initial(self, batch: int) -> State:
        c, slots = self.config, (batch, self.config.slots)
        zero, never = jnp.zeros((batch,), jnp.int32), jnp.full(slots, -1, jnp.int32)
        met = {"keys": (c.features,), "values": self.inputs["value"].shape}
        if "place" in self.inputs:
            met["place"] = self.inputs["place"].shape
        state: dict[str, Any] = {name: jnp.zeros((*slots, *shape)) for name, shape in met.items()}
        state |= {"written": never, "now": zero}
        state |= {name: jnp.zeros(slots) for name in self._marks}
        if c.life:
            state |= {"born": never, "lived": zero, "episode": never, "episodes": zero}
        if c.before:
            state["recent"] = {name: jnp.zeros((batch, c.before, *shape)) for name, shape in met.items()}
        return state

    def reset(self, state: State, first: jax.Array) -> State:
        """Forgets by marking every slot as empty, which costs less than clearing it; one for life only counts on."""
        now = jnp.where(first, 0, state["now"])
        if self.config.life:
            return state | {"now": now, "episodes": state["episodes"] + (first & (state["now"] > 0))}
        return state | {"now": now, "written": jnp.where(first[:, None], -1, state["written"])}

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        query = self._query(inputs["key"])
        met, inputs = jax.lax.stop_gradient((query, inputs))
        found = self._find(state, met)
        return self._write(state, met, inputs, found), self._read(query, found)

    def over_time(self, state: State, inputs: Arrays, first: jax.Array, key: jax.Array) -> tuple[State, Arrays]:
        """The store runs as data, and what was found is read at once: nothing of the store is kept for the gradient."""
        query = self._query(fold(inputs["key"])).reshape((*first.shape, -1))

        def tick(state: State, moment: tuple[jax.Array, Arrays, jax.Array]) -> tuple[State, Arrays]:
            met, inputs, begins = moment
            state = self.reset(state, begins)
            found = self._find(state, met)
            return self._write(state, met, inputs, found), found

        state, found = jax.lax.scan(tick, *jax.lax.stop_gradient((state, (query, inputs, first))))
        outputs = self._read(fold(query), jax.tree.map(fold, found))
        return state, {port: x.reshape((*first.shape, *x.shape[1:])) for port, x in outputs.items()}

    @property
    def _marks(self) -> tuple[str, ...]:
        """Numbers kept of every moment: those that decide what is read or gives way, and for life all there are."""
        c = self.config
        recalls = ("recalls",) if c.life or c.evict == "least_recalled" else ()
        reward = ("reward",) if "reward" in self.inputs and (c.life or c.select == "rewarded") else ()
        priority = ("priority",) if "priority" in self.inputs and (c.life or c.evict == "lowest_priority") else ()
        return recalls + reward + priority

    def _query(self, key: jax.Array) -> jax.Array:
        query = self.project(key)
        return query * jax.lax.rsqrt(jnp.square(query).sum(axis=1, keepdims=True) + 1e-6)

    def _order(self, state: State) -> jax.Array:
        """Rises with the time at which a moment was; -1 in an empty slot."""
        return state["born"] if self.config.life else state["written"]

    def _find(self, state: State, query: jax.Array) -> Arrays:
        """The moments that take part, `[B, k, ...]`: their slots, and all that is held of them."""
        held = {n: state[n] for n in ("keys", "values", "written", "episode", "place") if n in state}
        if self.config.count == self.config.slots:
            slots = jnp.broadcast_to(jnp.arange(self.config.slots), state["written"].shape)
            return (found := held | {"slots": slots}) | self.beside(state, found)
        by = {
            "likeness": lambda: self.likeness(query, state["keys"]),
            "newest": lambda: self._order(state).astype(jnp.float32),
            "rewarded": lambda: state["reward"],
        }[self.config.select]()
        _, slots = largest(jnp.where(state["written"] >= 0, by, -jnp.inf), self.config.count)
        rows = jnp.arange(slots.shape[0])[:, None]
        found = {name: x[rows, slots] for name, x in held.items()} | {"slots": slots}
        return found | self.beside(state, found)

    def _read(self, query: jax.Array, found: Arrays) -> Arrays:
        there = found["written"] >= 0
        likeness = jnp.where(there, self.likeness(query, found["keys"]), -1.0)
        recall, weights = self.combine(query, found, self.weigh(query, found, likeness))
        match = jnp.maximum(likeness.max(axis=1, keepdims=True), 0.0)
        episode = jnp.where(there, found.get("episode", jnp.zeros_like(found["written"])), -1)
        told = {"recall": recall, "match": match, "weights": weights, "recalled": found["written"], "episode": episode}
        return told | ({"origin": jnp.where(there[:, :, None], found["place"], 0.0)} if "place" in found else {})

    def _write(self, state: State, query: jax.Array, inputs: Arrays, found: Arrays) -> State:
        """An unconditional indexed write; where nothing is written the index lies outside the store and drops it."""
        c, now = self.config, state["now"]
        signals = {name: flat(inputs[name]) for name in ("reward", "surprise", "gate", "priority") if name in inputs}
        if "recalls" in state:
            state = state | {"recalls": self._counted(state, query, found)}
        met = {"keys": query, "values": inputs["value"]} | ({"place": inputs["place"]} if "place" in inputs else {})
        moment, state = self._delayed(state, met)
        moment |= {"written": now - c.before} | {n: signals[n] for n in ("reward", "priority") if n in self._marks}
        moment |= {"recalls": jnp.zeros_like(now, jnp.float32)} if "recalls" in state else {}
        if c.life:
            moment |= {"born": state["lived"] - c.before, "episode": state["episodes"]}
            state = state | {"lived": state["lived"] + 1}
        due = (now - c.before) % c.every == 0 if c.write == "every" else self._calls(signals[c.write])
        moment, slot = self.settle(state, moment, self._least(state))
        at = (jnp.arange(now.shape[0]), jnp.where(due & (now >= c.before), slot, c.slots))
        stored = {name: state[name].at[at].set(x, mode="drop") for name, x in moment.items()}
        return state | stored | {"now": now + 1}

    def _calls(self, signal: jax.Array) -> jax.Array:
        """Whether an input has a moment written, `[B]` bool."""
        return (signal if self.config.write == "gate" else jnp.abs(signal)) > self.config.level

    def _counted(self, state: State, query: jax.Array, found: Arrays) -> jax.Array:
        weights = jax.lax.stop_gradient(self._read(query, found)["weights"])
        return state["recalls"].at[jnp.arange(weights.shape[0])[:, None], found["slots"]].add(weights)

    def _delayed(self, state: State, met: Arrays) -> tuple[Arrays, State]:
        """What was met `before` decisions ago, and the state that remembers what is met now."""
        if not self.config.before:
            return met, state
        lately = {n: jnp.concatenate([x[:, 1:], met[n][:, None]], axis=1) for n, x in state["recent"].items()}
        return {n: x[:, 0] for n, x in state["recent"].items()}, state | {"recent": lately}

    def _least(self, state: State) -> jax.Array:
        """The slot `[B]` that is written over: an empty one, or the oldest of those that are worth least."""
        order = self._order(state)
        if self.config.evict == "oldest":
            return jnp.argmin(jnp.where(state["written"] >= 0, order, -1), axis=1)
        if self.config.evict == "least_recalled":
            now = state["lived"] if self.config.life else state["now"]
            worth = (1.0 + state["recalls"]) / (1.0 + (now[:, None] - order))
        else:
            worth = state["priority"]
        worth = jnp.where(state["written"] >= 0, worth, -jnp.inf)
        return jnp.argmin(jnp.where(worth == worth.min(axis=1, keepdims=True), order, NEVER), axis=1)


def flat(x: jax.Array) -> jax.Array:
    """`[B, ...]` -> `[B]`, added up."""
    return x.reshape(x.shape[0], -1).sum(axis=1)
