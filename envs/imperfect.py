"""Imperfect senses: how often, how late, how noisily and how reliably any sense reads, as data.

envs.make("forage", senses={"retina": {"rays": 16, "noise": 0.05, "delay": 1, "rate": 5, "dropout": 0.1}})
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from envs.moment import Fixed, Moment, Sense
from envs.registry import EnvError, configured, kind, name_of, unknown

_LONGEST = 100  # decisions of delay, 10 s: each one keeps a whole reading
_ROUNDING = 0.005  # so that 3.33 Hz is a third of 10 Hz


class ImperfectState(NamedTuple):
    """One environment."""

    sense: Any
    time: jax.Array  # [] int32, decisions since the episode began
    held: jax.Array  # the newest reading, as it was when it was renewed
    late: jax.Array  # [delay, ...], what is still under way, the newest first


@dataclass(frozen=True)
class Imperfect:
    """A sense as it reaches the brain: renewed at a rate, with noise; delayed; and now and then lost.

    Noise is that of the sensor: it stays with a reading for as long as that is held, and comes late with it.
    Until the first reading arrives, and where one is lost, all is 0. A dropout of 1 is a sense that is lost for good.
    """

    sense: Sense
    rate: float = 10.0  # Hz, how often the reading is renewed; it is held in between
    delay: int = 0  # decisions
    noise: float = 0.0  # standard deviation of Gaussian noise; the sum is clipped to the space
    dropout: float = 0.0  # probability that a decision goes without the reading

    def __post_init__(self) -> None:
        name = name_of(self.sense)
        if not 0 <= self.delay <= _LONGEST:
            raise EnvError(f"{name}.delay is {self.delay}; 0 to {_LONGEST} whole decisions are wanted, for example 1.")
        if not 0 <= self.noise < np.inf:
            raise EnvError(
                f"{name}.noise is {self.noise}; a standard deviation is wanted, 0 or more, for example 0.05."
            )
        if not 0 <= self.dropout <= 1:
            raise EnvError(f"{name}.dropout is {self.dropout}; a probability is wanted, 0 to 1, for example 0.1.")

    @property
    def key(self) -> str:
        return self.sense.key

    def space(self, fixed: Fixed) -> gymnasium.spaces.Box:
        """That of the sense; EnvError where the options do not go with it."""
        self._every(fixed)
        space = self.sense.space(fixed)
        if self.noise and not np.issubdtype(space.dtype, np.floating):
            raise EnvError(
                f"{name_of(self.sense)}.noise: the reading is {space.dtype}, which takes no noise; set it to 0."
            )
        return space

    def initial(self, fixed: Fixed) -> ImperfectState:
        nothing = self._nothing(fixed)
        late = jnp.tile(nothing, (self.delay,) + (1,) * nothing.ndim)
        return ImperfectState(self.sense.initial(fixed), jnp.int32(0), nothing, late)

    def __call__(self, fixed: Fixed, state: ImperfectState, moment: Moment) -> tuple[ImperfectState, jax.Array]:
        inner, noise, loss = jax.random.split(moment.key, 3)
        sense, reading = self.sense(fixed, state.sense, moment._replace(key=inner))
        if self.noise:
            space = self.sense.space(fixed)
            reading = reading + self.noise * jax.random.normal(noise, reading.shape, reading.dtype)
            reading = jnp.clip(reading, space.low, space.high)
        held = jnp.where(state.time % self._every(fixed) == 0, reading, state.held)
        queue = jnp.concatenate([held[None], state.late])
        lost = jax.random.bernoulli(loss, self.dropout)
        return (
            ImperfectState(sense, state.time + 1, held, queue[:-1]),
            jnp.where(lost, self._nothing(fixed), queue[-1]),
        )

    def _nothing(self, fixed: Fixed) -> jax.Array:
        """The reading when there is none: 0, or what is next to it in the space."""
        space = self.sense.space(fixed)
        return jnp.asarray(np.clip(np.zeros(space.shape), space.low, space.high), space.dtype)

    def _every(self, fixed: Fixed) -> int:
        """Decisions from one renewal to the next."""
        decisions = 1.0 / fixed.seconds
        every = decisions / self.rate if self.rate > 0 else 0.0
        if every < 1 - _ROUNDING or abs(every - round(every)) > _ROUNDING * every:
            slower = max(1, int(every))
            near = [f"{decisions / number:.3g}" for number in ((slower, slower + 1) if every > 1 else (1,))]
            raise EnvError(
                f"{name_of(self.sense)}.rate is {self.rate:g} Hz; decisions come at {decisions:g} Hz, and that divided "
                f"by a whole number is wanted, for example {' or '.join(near)}."
            )
        return round(every)


_OPTIONS = tuple(field.name for field in fields(Imperfect) if field.name != "sense")


def sense(name: str, options: Mapping[str, Any]) -> Sense:
    """A sense by name from its own options and those of `Imperfect`; without any of the latter, the bare sense."""
    if not isinstance(options, Mapping):
        raise EnvError(f"senses.{name}: {options!r} is not a mapping of options, for example {{noise: 0.05}}.")
    cls = kind("envs.senses", name)
    own = {field.name for field in fields(cls) if field.init}
    for option in options:
        if option not in {*own, *_OPTIONS}:
            raise unknown(f"option of {name}", option, {*own, *_OPTIONS})
    made = configured(name, cls, {option: value for option, value in options.items() if option in own})
    rest = {option: value for option, value in options.items() if option not in own}
    return configured(name, Imperfect, {"sense": made, **rest}) if rest else made


def bare(sense: Sense) -> Sense:
    """The sense itself, without its imperfections."""
    return sense.sense if isinstance(sense, Imperfect) else sense


def labels(sense: Sense, fixed: Fixed) -> tuple[str, ...]:
    """What each number means that a sense reads, where it says so: its `labels(fixed)`; often nothing."""
    said = getattr(bare(sense), "labels", None)
    return () if said is None else tuple(said(fixed))


def imperfections(sense: Sense) -> dict[str, Any]:
    """The options of `Imperfect` that a sense was made with, every default among them; empty for a bare sense."""
    return {name: getattr(sense, name) for name in _OPTIONS} if isinstance(sense, Imperfect) else {}
