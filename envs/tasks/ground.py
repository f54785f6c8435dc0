"""Task `ground`: do what a sentence says, with words put together in ways never heard before (battery T5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from envs import grammar, layouts
from envs.grammar import FORMS
from envs.layouts import SPLITS
from envs.moment import Body, Outcome
from envs.physics import Physics
from envs.registry import EnvError, unknown
from envs.scene import COLOURS, SHAPES, PartCounts, Pose, Scene, Start, Things, scene

_AWAY = 50.0  # m, where a taken thing is for all who look


class GroundState(NamedTuple):
    """One environment. Things in the order of their parts in the sentence: the target first (see `envs.layouts`)."""

    position: jax.Array  # [4, 2], m
    kinds: jax.Array  # [4, 3] int32: size, colour, shape
    form: jax.Array  # [] int32, place in `FORMS`
    sentence: jax.Array  # [] int32
    taken: jax.Array  # [] bool, the first thing is being carried to the second
    time: jax.Array  # [] int32, control steps


@dataclass(frozen=True)
class Ground:
    """Go to the one of four things that the sentence means: +1, or -0.2 at the first touch of another, and the end.

    "Take the X to the Y" means: touch X with the mouth closed, which takes it (+0.5), then touch Y (+1).
    Which sentences and scenes there are is said by `split`: `train`, or what training leaves out: `pairs` (a fifth of
    colour x shape pairs, never named and never the target), `relations` (two nouns for each relation), `paraphrase`
    (the third template of each sentence). "Left", "right" and "between" are neighbours as seen from the start.
    """

    split: str = "train"
    forms: str = "all"  # or some of them, separated by commas
    penalty: float = (
        0.2  # for a wrong touch; from 1/3 on, a guess is worth less than nothing, and brains learn to keep away
    )
    reach: float = 0.01  # a thing is touched when the gap to the body is smaller, m
    horizon: int = 200  # control steps
    walls: str = "plain"

    metric = "right"
    terms = ("right", "wrong", "taken")
    groups = ("attribute", "relations", "take", "not")

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise unknown("choice of ground.split", self.split, SPLITS)
        for form in self.forms.split(",") if self.forms != "all" else ():
            if form not in FORMS:
                raise unknown("form in ground.forms", form, FORMS)
        if self.horizon < 1:
            raise EnvError(f"ground.horizon is {self.horizon}; an episode lasts at least 1 control step.")
        if not any(self.said):
            raise EnvError(
                f"ground.forms={self.forms} has no sentence in split {self.split!r}, which knows "
                f"{', '.join(SPLITS[self.split])}. Take some of these, or forms=all."
            )

    @property
    def parts(self) -> PartCounts:
        return PartCounts(things=4)

    @property
    def sentences(self) -> tuple[str, ...]:
        """All that GROUND can say, whatever the split, so that a row means the same everywhere."""
        return grammar.sentences()

    @property
    def said(self) -> tuple[bool, ...]:
        """Which of `FORMS` are used."""
        wanted = FORMS if self.forms == "all" else self.forms.split(",")
        return tuple(form in wanted and form in SPLITS[self.split] for form in FORMS)

    def group(self, state: GroundState) -> jax.Array:
        """Negation is reported apart: a frozen embedding hardly tells "not" from its contrary."""
        return jnp.array([0, 1, 1, 1, 1, 2, 3, 3])[state.form]  # of `FORMS`

    def reset(self, key: jax.Array, body: Body) -> tuple[GroundState, Start]:
        del body
        which, where = jax.random.split(key)
        said, kinds = layouts.draw(which, self.split, self.said)
        position, start = layouts.place(where, said.form)
        state = GroundState(position, kinds, said.form, grammar.row(said), jnp.bool_(False), jnp.int32(0))
        return state, start

    def scene(self, state: GroundState) -> Scene:
        size, colour, shape = state.kinds.T
        radius = jnp.array(list(grammar.SIZES.values()))[size]
        paint, rows = jnp.array(list(COLOURS.values()))[colour], jnp.array(list(SHAPES.values()))[shape]
        position = state.position.at[0].add(jnp.where(state.taken, _AWAY, 0.0))
        return scene(Things(position, radius, paint, rows), self.walls, sentence=state.sentence)

    def step(
        self, state: GroundState, pose: Pose, physics: Physics, action: jax.Array, key: jax.Array, body: Body
    ) -> Outcome:
        del physics, key
        things = self.scene(state).things
        gap = jnp.sqrt(((things.position - pose.position) ** 2).sum(-1)) - things.radius - body.radius
        touched = jnp.where(gap.min() <= self.reach, jnp.argmin(gap), -1)
        takes = state.form == FORMS.index("take")
        closed = action[2] > 0
        taken = takes & (touched == 0) & closed
        right = (touched == 0) & ~takes | (touched == 1) & state.taken
        wrong = (touched > 0) & ~right
        time = state.time + 1
        terms = {"right": right * 1.0, "wrong": wrong * -self.penalty, "taken": taken * 0.5}
        state = state._replace(taken=state.taken | taken, time=time)
        return Outcome(state, terms, ended=right | wrong, cut_off=time >= self.horizon)

    def told(self, text: str) -> Any:
        """The same task with a sentence of one's choice in all episodes, or None where it is not understood."""
        from envs.staging import staged

        return staged(self, text)

    def account(self, state: GroundState, pose: Pose, body: Body, judged: bool = True) -> str:
        """What came of an episode, in words, from its last state as plain arrays; `judged`: and whether it was told."""
        from envs.staging import account

        return account(self, state, pose, body, judged)

    def scripted(self) -> dict[str, Any]:
        from envs.pointing import pointers

        return pointers(self)

    def nulls(self) -> dict[str, Any]:
        """Null policies of its own: to see without understanding a word."""
        from envs.pointing import deaf

        return deaf(self)
