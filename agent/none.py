"""A silent stand-in for any module: the same ports, nothing on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax

from agent.config import option
from agent.errors import ConfigError
from agent.module import Arrays, Module, State
from agent.ports import MODEL, Input, Ports
from agent.registry import register


@register("none")
@dataclass(frozen=True)
class NoneConfig:
    """Stands in for the module `like`, with its ports and no function.

    A brain that is grown without a part needs no rewiring.
    """

    like: Mapping[str, Any] = option(help="the module that is missing: its kind and options")

    def __post_init__(self) -> None:
        self.twin  # noqa: B018 -- complain now, not when the ports are asked for

    def __hash__(self) -> int:
        return hash(frozenset(self.like))

    @property
    def twin(self) -> Any:
        """The config of the module that is missing."""
        from agent.build import module_config

        problems: list[str] = []
        config = module_config(self.like, "like", problems)
        if config is None:
            raise ConfigError(problems)
        return config

    @property
    def inputs(self) -> Mapping[str, Input]:
        return self.twin.inputs

    def ports(self, inputs: Ports) -> Ports:
        """Those of the missing module; nothing of meaning `model` is among them, which says that none is there."""
        ports = self.twin.ports(inputs)
        return Ports({name: replace(p, meaning="signal") if p.dtype == MODEL else p for name, p in ports.items()})


class Nothing(Module[NoneConfig]):  # pyright: ignore[reportInvalidTypeArguments] -- inputs depend on `like`
    """Sends zeros."""

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        ports = self.config.ports(self.inputs)
        return state, {name: port.zeros(key.shape[0]) for name, port in ports.items() if port.dtype != MODEL}
