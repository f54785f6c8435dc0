"""The sentences of GROUND, all of them in one table, and the row of each by what it names.

Nouns are numbered colour x shape (`noun = 3 * colour + shape`). Rows count up within a form as its phrases are listed,
forms follow each other as in `FORMS`, and the whole is said three times over, once in each of the `TEMPLATES`.
"""

from __future__ import annotations

from itertools import combinations, product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from envs.scene import COLOURS, SHAPES

FORMS = ("attribute", "left", "right", "nearest", "between", "take", "not_colour", "not_shape")
RELATIONS = {"left": "left of", "right": "right of", "nearest": "nearest to", "between": "between"}
SIZES = {"small": 0.07, "big": 0.13}
"""Radii of things, m."""

TEMPLATES = (("go to the", "take", ""), ("walk up to the", "bring", ""), ("find the", "carry", "over "))
"""Ways to say the same: of going, and of taking something to something. The last one is held out."""

_COLOURS, _SHAPES = tuple(COLOURS), tuple(SHAPES)
NOUNS = tuple(f"{colour} {shape}" for colour, shape in product(_COLOURS, _SHAPES))
PAIRS = tuple(combinations(range(len(_COLOURS)), 2))
"""The two colours of what something is between."""


class Said(NamedTuple):
    """What a sentence names, as numbers `[]` int32; what its form does not use is ignored."""

    form: jax.Array  # place in `FORMS`
    template: jax.Array
    size: jax.Array  # 0 unsaid, then as in `SIZES`; so too colour and shape. Forms `attribute`, `not_...`
    colour: jax.Array
    shape: jax.Array
    noun: jax.Array  # what to go to, or to take
    landmark: jax.Array  # the noun that it stands beside, or is taken to
    pair: jax.Array  # place in `PAIRS`, form `between`; the shape of both is the landmark's


def _attributes() -> list[str]:
    sizes, colours, shapes = ("", *SIZES), ("", *_COLOURS), ("thing", *_SHAPES)
    return [" ".join(filter(None, words)) for words in product(sizes, colours, shapes)][1:]  # not the bare thing


def _phrases() -> dict[str, list[str]]:
    beside = {
        form: [f"{noun} {RELATIONS[form]} the {mark}" for noun, mark in product(NOUNS, NOUNS)]
        for form in ("left", "right", "nearest")
    }
    between = [
        f"{noun} between the {_COLOURS[one]} and the {_COLOURS[two]} {shape}"
        for noun, shape, (one, two) in product(NOUNS, _SHAPES, PAIRS)
    ]
    return {
        "attribute": _attributes(),
        **beside,
        "between": between,
        "take": [f"the {noun} {{}}to the {mark}" for noun, mark in product(NOUNS, NOUNS)],
        "not_colour": [f"{shape} that is not {colour}" for colour, shape in product(_COLOURS, _SHAPES)],
        "not_shape": [f"{colour} thing that is not a {shape}" for colour, shape in product(_COLOURS, _SHAPES)],
    }


PHRASES = _phrases()
_STARTS = np.concatenate([[0], np.cumsum([len(PHRASES[form]) for form in FORMS])]).astype(np.int32)
COUNT = int(_STARTS[-1])
"""Sentences of one template."""


def sentences() -> tuple[str, ...]:
    """Every sentence, in the order of their rows."""
    return tuple(
        f"{take} {phrase.format(over)}" if form == "take" else f"{go} {phrase}"
        for go, take, over in TEMPLATES
        for form in FORMS
        for phrase in PHRASES[form]
    )


def row(said: Said) -> jax.Array:
    """`[]` int32, the row of a sentence."""
    shapes, colours = len(_SHAPES), len(_COLOURS)
    beside = said.noun * len(NOUNS) + said.landmark
    spare = (said.colour - 1) * shapes + said.shape - 1
    within = jnp.stack(
        [
            (said.size * (colours + 1) + said.colour) * (shapes + 1) + said.shape - 1,
            beside,
            beside,
            beside,
            (said.noun * shapes + said.landmark % shapes) * len(PAIRS) + said.pair,
            beside,
            spare,
            spare,
        ]
    )
    return said.template * COUNT + jnp.asarray(_STARTS)[said.form] + within[said.form]


def parse(row: int) -> tuple[str, int, str]:
    """Form, template and phrase of a row."""
    template, within = divmod(row, COUNT)
    form = int(np.searchsorted(_STARTS, within, side="right")) - 1
    return FORMS[form], template, PHRASES[FORMS[form]][within - int(_STARTS[form])]
