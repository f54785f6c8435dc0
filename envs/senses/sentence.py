"""Sense `sentence`: what the body is told in this episode, word by word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from envs.moment import Fixed, Moment
from envs.registry import EnvError

NO_WORD = 0
"""The id that fills up a short sentence."""


@dataclass(frozen=True)
class Sentence:
    """`[L]` int32: ids of the words of the sentence that holds, 0 after its end.

    A task has all its sentences beforehand (`world.fixed.sentences`) and its scene says which of them holds, so that
    the sense is a look into a `table`. Word i of the `vocabulary` has the id i + 1.
    """

    length: int = 0  # L, words; 0: as many as the longest sentence has

    key = "sentence"

    def space(self, fixed: Fixed) -> gymnasium.spaces.Box:
        """EnvError where the task has no sentences, or one that is too long."""
        most = len(vocabulary(fixed.sentences))
        return gymnasium.spaces.Box(NO_WORD, most, (self.table(fixed.sentences).shape[1],), np.int32)

    def initial(self, fixed: Fixed) -> tuple[()]:
        del fixed
        return ()

    def __call__(self, fixed: Fixed, state: tuple[()], moment: Moment) -> tuple[tuple[()], jax.Array]:
        row = jnp.int32(0) if moment.scene.sentence is None else moment.scene.sentence
        return state, jnp.asarray(self.table(fixed.sentences))[row]

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
