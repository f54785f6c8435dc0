"""Sense `sentence`: what the body is told in this episode, as the number of a sentence or word by word."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from envs.moment import Fixed, Moment, sentences
from envs.registry import EnvError, configured, kind, unknown

_FORMS = ("row", "words")
NO_WORD = 0
"""The id that fills up a short sentence."""
SILENCE = "explore"
"""What is said where several tasks share a table and one of them says nothing."""


@dataclass(frozen=True)
class Sentence:
    """`[]` int32, the place of the sentence that holds among all that the task may say (`world.fixed.sentences`).

    With `form` "words" it is `[L]` int32 instead, for those who have no table of sentences: the ids of the words, 0
    after the last one. Word i of the `vocabulary` has the id i + 1.

    A brain of many `tasks` hears all of theirs: the table begins with "explore", which those say that say nothing.
    """

    form: str = "row"  # or words
    length: int = 0  # L, words; 0: as many as the longest sentence has
    tasks: Any = None  # whose sentences share a table: names and options, {ground: {}}; none: this task's own

    key = "sentence"

    def __post_init__(self) -> None:
        if self.form not in _FORMS:
            raise unknown("choice of sentence.form", self.form, _FORMS)
        if self.tasks is not None and not isinstance(self.tasks, Mapping):
            raise EnvError(f"sentence.tasks is {self.tasks!r}; names and options are wanted, such as {{ground: {{}}}}.")

    def space(self, fixed: Fixed) -> gymnasium.spaces.Box:
        """EnvError where the task has no sentences, or one that is too long."""
        said = self.said(fixed)
        table = self.table(said)
        self._rows(fixed)  # complains here, before anything is compiled
        if self.form == "row":
            return gymnasium.spaces.Box(0, len(table) - 1, (), np.int32)
        most = len(vocabulary(said))
        return gymnasium.spaces.Box(NO_WORD, most, (table.shape[1],), np.int32)

    def labels(self, fixed: Fixed) -> tuple[str, ...]:
        return self.said(fixed) if self.form == "row" else ()

    def said(self, fixed: Fixed) -> tuple[str, ...]:
        """All sentences of the table."""
        if not self.tasks:
            return fixed.sentences
        made = [configured(name, kind("envs.tasks", name), options) for name, options in self.tasks.items()]
        every = [each for task in made for each in sentences(task)]
        return tuple(dict.fromkeys((SILENCE, *every)))

    def _rows(self, fixed: Fixed) -> np.ndarray:
        """`[S]` int32, where the table has each of the task's own sentences; of a silent task, what it says instead."""
        places = {each: row for row, each in enumerate(self.said(fixed))}
        missing = [each for each in fixed.sentences if each not in places]
        if missing:
            raise EnvError(
                f"sentence.tasks is {self.tasks}, none of which says {missing[0]!r}. Name the task that does."
            )
        return np.array([places[each] for each in fixed.sentences] or [0], np.int32)

    def initial(self, fixed: Fixed) -> tuple[()]:
        del fixed
        return ()

    def __call__(self, fixed: Fixed, state: tuple[()], moment: Moment) -> tuple[tuple[()], jax.Array]:
        own = jnp.int32(0) if moment.scene.sentence is None else moment.scene.sentence
        row = jnp.asarray(self._rows(fixed))[own] if self.tasks else own
        return state, row if self.form == "row" else jnp.asarray(self.table(self.said(fixed)))[row]

    def table(self, sentences: Sequence[str]) -> np.ndarray:
        """`[S, L]` int32, a row for each sentence."""
        if not sentences:
            raise EnvError(
                "sense 'sentence': this task says nothing. Leave the sense out, or take a task that does, such as "
                "forage with rule=told."
            )
        ids = {word: number for number, word in enumerate(vocabulary(sentences), start=NO_WORD + 1)}
        spoken = [words(sentence) for sentence in sentences]
        longest = max(spoken, key=len)
        length = self.length or len(longest)
        if length < len(longest):
            raise EnvError(
                f"sentence.length is {self.length}; {' '.join(longest)!r} has {len(longest)} words. "
                "Set it to 0, or to as many."
            )
        filled = [[ids[word] for word in said] + [NO_WORD] * (length - len(said)) for said in spoken]
        return np.array(filled, np.int32)


def words(sentence: str) -> list[str]:
    """A sentence's words in small letters, without punctuation."""
    return re.findall(r"\w+", sentence.lower())


def vocabulary(sentences: Sequence[str]) -> tuple[str, ...]:
    """All words of some sentences, sorted."""
    return tuple(sorted({word for sentence in sentences for word in words(sentence)}))
