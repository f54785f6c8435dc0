"""Ports: what a module takes and gives, known before anything is built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import jax
import jax.numpy as jnp

Meaning = Literal[
    "rate", "spikes", "tokens", "image", "action", "policy", "value", "loss", "contrast", "signal", "index", "model"
]
Merge = Literal["one", "sum", "concat"]
MODEL = "model"
"""The dtype of a port that sends no numbers: its wires hand over the module itself, with its weights."""


@dataclass(frozen=True)
class Port:
    """One port's content for one environment; arrays carry a leading batch axis B on top of `shape`.

    `parts` lists the sizes that were laid side by side along the first axis when several wires were concatenated.
    A `contrast` is a loss that compares the moments of a batch with each other, and so depends on which there are.
    A `model` (dtype `model` too) is the module itself: who is wired to it may call its methods, such as `imagine`.
    `labels` say what each number means that an `index` may take, such as the sentence which has it; of a `signal` they
    name the numbers of a row, or the two between which a single number shares out from 0 to 1.
    """

    shape: tuple[int, ...] = ()
    meaning: Meaning = "rate"
    dtype: str = "float32"
    parts: tuple[int, ...] = field(default=(), compare=False)
    labels: tuple[str, ...] = field(default=(), compare=False)

    def zeros(self, batch: int) -> jax.Array:
        return jnp.zeros((batch, *self.shape), self.dtype)

    def __str__(self) -> str:
        return f"{self.meaning}{list(self.shape)}"


@dataclass(frozen=True)
class Input:
    """What a module accepts at one of its input ports.

    merge: `one` writer only; `sum` of equal shapes; `concat` along the first axis (the order of the wires).
    rank: number of axes without the batch axis, or None for any.
    optional: may stay unwired (the port is then missing from the inputs).
    unless: may stay unwired where that other port is wired.
    """

    merge: Merge = "concat"
    rank: int | None = 1
    optional: bool = False
    unless: str = ""
    dtype: str = "float32"


class Ports(Mapping[str, Port]):
    """An immutable, hashable mapping from port names to ports: `Ports(spikes=Port((128,), "spikes"))`."""

    def __init__(self, mapping: Mapping[str, Port] | None = None, /, **ports: Port) -> None:
        self._ports = {**(mapping or {}), **ports}

    def __getitem__(self, name: str) -> Port:
        return self._ports[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ports)

    def __len__(self) -> int:
        return len(self._ports)

    def __hash__(self) -> int:
        return hash(frozenset(self._ports.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ports) and self._ports == other._ports

    def __repr__(self) -> str:
        return f"Ports({', '.join(f'{name}={port}' for name, port in self._ports.items())})"
