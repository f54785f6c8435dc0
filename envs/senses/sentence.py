"""Sense `sentence`: what the body is told in this episode, as the number of a sentence or word by word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from envs.moment import Fixed, Moment
from envs.registry import EnvError, unknown

_FORMS = ("row", "words")
NO_WORD = 0
"""The id that fills up a short sentence."""


@dataclass(frozen=True)
class Sentence:
    """`[]` int32, the place of the sentence that holds among all that the task may say (`world.fixed.sentences`).

    With `form` "words" it is `[L]` int32 instead, for those who have no table of sentences: the ids of the words, 0
    after the last one. Word i of the `vocabulary` has the id i + 1.
    """

    form: str = "row"  # or words
    length: int = 0  # L, words; 0: as many as the longest sentence has

    key = "sentence"

    def __post_init__(self) -> None:
        if self.form not in _FORMS:
            raise unknown("choice of sentence.form", self.form, _FORMS)

    def space(self, fixed: Fixed) -> gymnasium.spaces.Box:
        """EnvError where the task has no sentences, or one that is too long."""
        table = self.table(fixed.sentences)
        if self.form == "row":
            return gymnasium.spaces.Box(0, len(table) - 1, (), np.int32)
        most = len(vocabulary(fixed.sentences))
        return gymnasium.spaces.Box(NO_WORD, most, (table.shape[1],), np.int32)

    def labels(self, fixed: Fixed) -> tuple[str, ...]:
        return fixed.sentences if self.form == "row" else ()

    def initial(self, fixed: Fixed) -> tuple[()]:
        del fixed
        return ()

    def __call__(self, fixed: Fixed, state: tuple[()], moment: Moment) -> tuple[tuple[()], jax.Array]:
        row = jnp.int32(0) if moment.scene.sentence is None else moment.scene.sentence
        return state, row if self.form == "row" else jnp.asarray(self.table(fixed.sentences))[row]

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
