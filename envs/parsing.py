"""Sentences typed by a person: what of GROUND's language they hold."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Any

from envs.grammar import NOUNS, PAIRS, PHRASES, SIZES, Said, sentences
from envs.scene import COLOURS, SHAPES
from envs.senses.sentence import words

ROOM = frozenset({"the", "to", "a", "over"})
"""Words of phrases that may stand before one too; any other there says more than the phrase does."""

NEGATIONS = frozenset({"no", "never", "don", "dont", "avoid", "except", "without", "nor", "neither"})


def understood(text: str) -> tuple[Said, int | None] | None:
    """What a sentence names, as plain numbers, and its row if it has one; None where it is not understood.

    A sentence of other words is understood where it ends in a phrase of the grammar, and before that says neither yes
    and no nor anything that phrases speak of: "please run to the red stone".
    """
    spoken = tuple(words(text))
    if spoken in (known := _sentences()):
        row = known[spoken]
        said = _phrases()[max((spoken[n:] for n in range(len(spoken)) if spoken[n:] in _phrases()), key=len)]
        return (said, row) if _sensible(said) else None
    start = next((n for n in range(len(spoken)) if spoken[n:] in _phrases()), None)
    if start is None or not _content().isdisjoint(spoken[:start]):
        return None
    if start and ROOM.isdisjoint(spoken[start - 1 : start + 1]):  # a word that is not known says of which thing
        return None
    said = _phrases()[spoken[start:]]
    return (said, None) if _sensible(said) else None


@lru_cache(maxsize=1)
def _sentences() -> dict[tuple[str, ...], int]:
    return {tuple(words(text)): row for row, text in enumerate(sentences())}


@lru_cache(maxsize=1)
def _phrases() -> dict[tuple[str, ...], Said]:
    """What every phrase says, by its words; taking with and without "over"."""
    return {
        tuple(words(phrase.format(over))): said
        for form, said_all in _said().items()
        for phrase, said in zip(PHRASES[form], said_all, strict=True)
        for over in ("", "over ")
    }


@lru_cache(maxsize=1)
def _content() -> frozenset[str]:
    return frozenset(word for phrase in _phrases() for word in phrase) - ROOM | NEGATIONS


def _said() -> dict[str, list[Said]]:
    """What every phrase of `grammar.PHRASES` says, in its order."""
    nouns, colours, shapes = range(len(NOUNS)), range(len(COLOURS)), range(len(SHAPES))
    two = list(product(nouns, nouns))
    spare = list(product(colours, shapes))
    some = list(product(range(len(SIZES) + 1), range(len(COLOURS) + 1), range(len(SHAPES) + 1)))[1:]
    between = product(nouns, shapes, range(len(PAIRS)))

    def said(form: int, **named: int) -> Said:
        values: dict[str, Any] = dict.fromkeys(Said._fields, 0) | named | {"form": form}
        return Said(**values)

    return {
        "attribute": [said(0, size=size, colour=colour, shape=shape) for size, colour, shape in some],
        **{
            form: [said(n, noun=noun, landmark=mark) for noun, mark in two]
            for n, form in ((1, "left"), (2, "right"), (3, "nearest"), (5, "take"))
        },
        "between": [said(4, noun=noun, landmark=shape, pair=pair) for noun, shape, pair in between],
        "not_colour": [said(6, colour=colour + 1, shape=shape + 1) for colour, shape in spare],
        "not_shape": [said(7, colour=colour + 1, shape=shape + 1) for colour, shape in spare],
    }


def _sensible(said: Said) -> bool:
    """Whether a thing is not told to stand beside itself, or to be taken there."""
    if said.form == 4:
        return said.noun not in [len(SHAPES) * colour + said.landmark for colour in PAIRS[said.pair]]
    return int(said.form) not in (1, 2, 3, 5) or bool(said.noun != said.landmark)
