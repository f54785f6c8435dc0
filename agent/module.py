"""The one contract: what a module of the brain is.

A module is a box with named, typed ports. Its weights live in a Flax NNX module; its recurrent state never does:
it is a plain pytree that goes in and comes out. Adding a module means adding one file:

    @register("leaky")
    @dataclass(frozen=True)
    class LeakyConfig:
        '''A leaky integrator.'''
        inputs: ClassVar = {"current": Input()}
        size: int = option(32, "neurons", low=1)
        tau: float = option(0.1, "time constant", unit="s", low=1e-3)

        def ports(self, inputs: Ports) -> Ports:
            return Ports(rate=Port((self.size,)))

    class Leaky(Module[LeakyConfig]):
        def __init__(self, config, inputs, rngs): ...
        def initial(self, batch): ...
        def __call__(self, state, inputs, key): ...
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, Protocol, TypeVar, get_args

import jax
import jax.numpy as jnp
from flax import nnx

from agent.ports import Ports

DECISION_SECONDS = 0.1
"""Duration of one decision (one call of the brain), s."""

Arrays = dict[str, jax.Array]
State = Any
"""A pytree of arrays whose leading axis is the batch, B."""


class Config(Protocol):
    """A frozen dataclass of plain values, registered under a kind."""

    inputs: ClassVar[Any]
    """What the module accepts: `{port: Input}`."""

    def ports(self, inputs: Ports) -> Ports:
        """Output ports, given those input ports whose shapes are known so far (delayed ones may be missing)."""
        ...


C = TypeVar("C", bound=Config)
IMPLEMENTATIONS: dict[type, type[Module[Any]]] = {}
"""The module class of every config class; filled by subclassing `Module[SomeConfig]`."""


class Module(nnx.Module, Generic[C]):
    """Base of all modules. Everything is batched: arrays have a leading axis B, `key` is an array of B random keys.

    Subclasses build their weights in `__init__(config, inputs, rngs)`, after `super().__init__(config, inputs, rngs)`.
    """

    idle: ClassVar[tuple[str, ...]] = ()
    """Paths of weights that no gradient ever reaches, such as `table.embedding`; all others must get some."""

    replayed: tuple[str, ...] = ()
    """Outputs that learning takes as data: recorded when acting and given in the loss, where what serves only them
    does not run. No gradient goes through them. A property, where it depends on the config.
    """

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for base in cls.__dict__.get("__orig_bases__", ()):
            for argument in get_args(base):
                if isinstance(argument, type):
                    IMPLEMENTATIONS[argument] = cls

    def __init__(self, config: C, inputs: Ports, rngs: nnx.Rngs) -> None:
        self.config = config
        self.inputs = inputs

    @property
    def digest(self) -> str:
        """SHA-256 of the pretrained weights that the module runs, which no checkpoint holds; empty where it has none.

        A pretrained transformer that runs in the decision itself is the attribute `frozen`: its weights are in
        `Circuit.frozen`, and in no params.
        """
        return ""

    def initial(self, batch: int) -> State:
        """State at the start of an episode, `[B, ...]`; an empty tuple for a module without state."""
        return ()

    def reset(self, state: State, first: jax.Array) -> State:
        """State with the environments where `first` (`[B]` bool) holds set back to their start.

        Override where part of the state outlives the episode (plastic weights, a lifelong store), or where a
        count set to zero does what clearing a large store would.
        """
        return select(first, self.initial(first.shape[0]), state)

    def renew(self, inputs: Arrays) -> None:
        """Changes weights that follow what was met and not a gradient, such as running statistics; name them in `idle`.

        Learning calls it once per update, with all that the module's inputs met since the last one, `[N, ...]` each.
        """

    def spike_driven(self, inputs: Arrays, outputs: Arrays) -> tuple[jax.Array | float, int]:
        """For the ledger: additions `[B]` that spikes caused in one decision, a spike reaching so many synapses, and
        how many multiplications and additions an environment of the dense layers here takes in their place.
        """
        return 0.0, 0

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        """One decision: `(state, inputs, key [B]) -> (state, outputs)`; pure.

        A port of dtype `model` is no output: its wires hand over the module itself, whose methods others then call.
        """
        raise TypeError(f"{type(self).__name__} has no __call__")

    def over_time(self, state: State, inputs: Arrays, first: jax.Array, key: jax.Array) -> tuple[State, Arrays]:
        """T decisions at once, where a module has a faster way: what `reset` and `__call__` in a loop would give.

        inputs, outputs, keys: `[T, B, ...]`; `first`: `[T, B]` bool. A module without it is run decision by decision.
        """
        raise TypeError(f"{type(self).__name__} has no over_time")


def select(where: jax.Array, then: State, otherwise: State) -> State:
    """Per environment, one pytree or the other: `where` is `[B]` bool."""
    return jax.tree.map(lambda a, b: jnp.where(over(where, b), a, b), then, otherwise)


def over(flag: jax.Array, x: jax.Array) -> jax.Array:
    """A flag per environment with axes added, so that it broadcasts over `x`."""
    return flag.reshape(flag.shape + (1,) * (x.ndim - flag.ndim))
