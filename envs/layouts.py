"""What GROUND shows: four things for a sentence, and where they stand.

The things of a scene in the order of their parts: the target; then, for relations, the foil (as the target, but in the
wrong place), the landmark, and a fourth or the second landmark; for `take` what it is taken to, and two more; else
three distractors. Every distractor shares an attribute with the target (or, in `take`, with what it is taken to).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import permutations

import jax
import jax.numpy as jnp
import numpy as np

from envs.grammar import FORMS, NOUNS, PAIRS, RELATIONS, SIZES, Said
from envs.scene import COLOURS, SHAPES, Start

RELATED = tuple(RELATIONS)
SPLITS = {"train": FORMS, "pairs": ("attribute",), "relations": RELATED, "paraphrase": FORMS}
"""The forms that each split knows."""

UNNAMED = ("red pillar", "green stone", "blue mushroom", "yellow pillar")
"""Colour x shape pairs that training never names, and that are never its target."""

APART = {
    "left": ("green pillar", "magenta stone"),
    "right": ("red stone", "cyan mushroom"),
    "nearest": ("blue pillar", "yellow stone"),
    "between": ("cyan stone", "magenta mushroom"),
}
"""The nouns that training never puts in front of a relation."""

_C, _S, _N = len(COLOURS), len(SHAPES), len(NOUNS)
_COUNTS = (len(SIZES), _C, _S)
_KNOWN = np.array([noun not in UNNAMED for noun in NOUNS])
_APART = np.array([[noun in APART.get(form, ()) for noun in NOUNS] for form in FORMS])  # [forms, nouns]
_COLOUR, _SHAPE = np.divmod(np.arange(_N), _S)
_NOUN = np.arange(_N)
_ALIKE = (_COLOUR[:, None] == _COLOUR) | (_SHAPE[:, None] == _SHAPE)  # [nouns, nouns], share an attribute
_PAIRS = np.array(PAIRS)

_BEARINGS = np.deg2rad([60.0, 20.0, -20.0, -60.0])  # of the four places seen from the start, from left to right
_JITTER = np.deg2rad(4.0)
_DISTANCE = (0.60, 0.85)  # m, from the start to all places
_DEPTH = 0.07  # part of that distance by which places differ
_LOOK = np.deg2rad(10.0)  # by which the body looks aside at the start
_START = 0.75  # m, from the middle of the arena


def pick(key: jax.Array, mask: jax.Array | np.ndarray) -> jax.Array:
    """`[]` int32, one of the places where `mask` `[n]` holds."""
    return jax.random.categorical(key, jnp.where(jnp.asarray(mask), 0.0, -jnp.inf)).astype(jnp.int32)


def draw(key: jax.Array, split: str, forms: tuple[bool, ...]) -> tuple[Said, jax.Array]:
    """A sentence, and the kinds `[4, 3]` int32 (size, colour, shape) of the things for it."""
    keys = jax.random.split(key, 4)
    form = pick(keys[0], np.array(forms))
    template = jnp.int32(2) if split == "paraphrase" else jax.random.randint(keys[1], (), 0, 2)
    apart = jnp.asarray(_APART)[form]
    target = pick(keys[2], {"pairs": ~_KNOWN, "relations": apart}.get(split, _KNOWN & ~apart))
    full = np.array([0, 0, 0, 0, 0, 0, 1, 1] if split == "pairs" else [0, 1, 1, 1, 1, 1, 1, 1], bool)
    makers = (partial(_attribute, sorts=full), _beside, _between, _take, _not_colour, _not_shape)
    made = [maker(jax.random.fold_in(keys[3], n), target) for n, maker in enumerate(makers)]
    family = jnp.array([0, 1, 1, 1, 2, 3, 4, 5])[form]  # of `FORMS`
    said, kinds = jax.tree.map(lambda *each: jnp.stack(each)[family], *made)
    return said._replace(form=form, template=template), kinds


def staged(key: jax.Array, said: Said) -> jax.Array:
    """The kinds `[4, 3]` of things for a given sentence, drawn as for any other; it may be one that no split has."""
    keys = jax.random.split(key, 2)
    form, noun = FORMS[int(said.form)], jnp.int32(said.noun)
    colour, shape = np.int32(said.colour) - 1, np.int32(said.shape) - 1  # -1: unsaid
    fits = ((colour == _COLOUR) | (colour < 0)) & ((shape == _SHAPE) | (shape < 0))
    if form == "attribute":
        sorts = np.arange(8) == (said.size > 0) + 2 * (colour >= 0) + 4 * (shape >= 0)
        return _attribute(keys[1], pick(keys[0], np.asarray(fits)), sorts, said.size)[1]
    if form == "not_colour":
        return _not_colour(keys[1], pick(keys[0], np.asarray((shape == _SHAPE) & (colour != _COLOUR))), int(colour))[1]
    if form == "not_shape":
        return _not_shape(keys[1], pick(keys[0], np.asarray((colour == _COLOUR) & (shape != _SHAPE))), int(shape))[1]
    if form == "between":
        one, two = (jnp.int32(_S * each + said.landmark % _S) for each in _PAIRS[int(said.pair)])
        return _kinds(keys[1], (noun, noun, one, two))
    return (_take if form == "take" else _beside)(keys[1], noun, jnp.int32(said.landmark))[1]


def place(key: jax.Array, form: jax.Array) -> tuple[jax.Array, Start]:
    """Places `[4, 2]` (m) of the things, in the order of their parts, and where the body starts."""
    keys = jax.random.split(key, 6)
    orders = jnp.asarray(_ORDERS)[form]  # [24, 4]: the place of each part; -1 where that order will not do
    order = orders[pick(keys[0], orders[:, 0] >= 0)]
    bearing = jnp.asarray(_BEARINGS)[order] + _JITTER * jax.random.uniform(keys[1], (4,), minval=-1.0)
    low, high = _DISTANCE
    distance = jax.random.uniform(keys[2], (), minval=low, maxval=high)
    distance = distance * (1 + _DEPTH * jax.random.uniform(keys[3], (4,), minval=-1.0))
    turn = jax.random.randint(keys[4], (), 0, 4) * (jnp.pi / 2)  # the wall that is behind
    ahead = jnp.stack([jnp.cos(turn), jnp.sin(turn)])
    towards = jnp.stack([jnp.cos(turn + bearing), jnp.sin(turn + bearing)], -1)
    heading = turn + _LOOK * jax.random.uniform(keys[5], (), minval=-1.0)
    return distance[:, None] * towards - _START * ahead, Start(-_START * ahead, heading)


def _orders() -> np.ndarray:
    """`[forms, 24, 4]`, the orders in which each form's parts may stand; place 0 is the leftmost."""
    fits = {
        "left": lambda target, foil, mark, other: target == mark - 1,
        "right": lambda target, foil, mark, other: target == mark + 1,
        "nearest": lambda target, foil, mark, other: abs(target - mark) == 1 < abs(foil - mark),
        "between": lambda target, foil, mark, other: abs(target - mark) == abs(target - other) == 1,
    }
    every = list(permutations(range(4)))
    return np.array([[o if form not in fits or fits[form](*o) else (-1,) * 4 for o in every] for form in FORMS])


_ORDERS = _orders()


def _kinds(key: jax.Array, nouns: Sequence[jax.Array]) -> jax.Array:
    """`[4, 3]`: things of four nouns, each of any size."""
    noun = jnp.stack(list(nouns))
    return jnp.stack([jax.random.randint(key, (4,), 0, len(SIZES)), noun // _S, noun % _S], -1)


def _said(**named: jax.Array) -> Said:
    return Said(*(jnp.asarray(named.get(field, 0), jnp.int32) for field in Said._fields))


def _attribute(
    key: jax.Array, target: jax.Array, sorts: np.ndarray, sized: jax.Array | int = 0
) -> tuple[Said, jax.Array]:
    """Some of size (`sized`, if that is given), colour and shape are named: a distractor lacks one of those.

    sorts: `[8]` bool, what may be named; bit 0 of a place is the size, bit 1 the colour, bit 2 the shape.
    """
    keys = jax.random.split(key, 4)
    named = (pick(keys[0], sorts) >> jnp.array([0, 1, 2])) & 1
    size = jnp.where(sized, sized - 1, jax.random.randint(keys[1], (), 0, len(SIZES)))
    own = jnp.stack([size, target // _S, target % _S])
    rank = jnp.argsort(jnp.where(named == 1, jax.random.uniform(keys[2], (3,)), 2.0))
    lacks = rank[jnp.arange(3) % named.sum()]  # [distractors]: which named attribute is another
    spare = jax.random.randint(keys[3], (3, 3), 0, 64)  # [distractors, attributes]
    keeps = jnp.argmax(jnp.where(named == 1, -1, spare), -1)  # where only one is named, an unnamed one is shared
    steps = jnp.array(_COUNTS) - 1
    other = (own + 1 + spare % steps) % jnp.array(_COUNTS)
    anyway = spare % jnp.array(_COUNTS)
    index = jnp.arange(3)[None]
    free = (named == 0)[None] & (index != keeps[:, None])
    things = jnp.where(index == lacks[:, None], other, jnp.where(free, anyway, own[None]))
    said = jnp.where(named == 1, own + 1, 0)
    return _said(size=said[0], colour=said[1], shape=said[2]), jnp.concatenate([own[None], things])


def _beside(key: jax.Array, target: jax.Array, given: jax.Array | None = None) -> tuple[Said, jax.Array]:
    keys = jax.random.split(key, 3)
    mark = pick(keys[0], _KNOWN & (target != _NOUN)) if given is None else given
    other = pick(keys[1], jnp.asarray(_ALIKE)[target] & (target != _NOUN) & (mark != _NOUN))
    return _said(noun=target, landmark=mark), _kinds(keys[2], (target, target, mark, other))


def _between(key: jax.Array, target: jax.Array) -> tuple[Said, jax.Array]:
    keys = jax.random.split(key, 2)
    shapes = np.arange(_S)[:, None, None]
    nouns = jnp.asarray(_PAIRS * _S + shapes)  # [shapes, pairs, 2]
    fits = (nouns != target).all(-1) & jnp.asarray(_KNOWN)[nouns].all(-1)
    shape, pair = jnp.divmod(pick(keys[0], fits.ravel()), len(PAIRS))
    one, two = nouns[shape, pair]
    return _said(noun=target, landmark=shape, pair=pair), _kinds(keys[1], (target, target, one, two))


def _take(key: jax.Array, target: jax.Array, given: jax.Array | None = None) -> tuple[Said, jax.Array]:
    keys = jax.random.split(key, 4)
    mark = pick(keys[0], _KNOWN & (target != _NOUN)) if given is None else given
    others = [
        pick(keys[1 + n], jnp.asarray(_ALIKE)[noun] & (target != _NOUN) & (mark != _NOUN))
        for n, noun in enumerate((target, mark))
    ]
    return _said(noun=target, landmark=mark), _kinds(keys[3], (target, mark, *others))


def _not_colour(key: jax.Array, target: jax.Array, given: int | None = None) -> tuple[Said, jax.Array]:
    """A shape that is not of a colour: beside it one that is, and another shape in each of the two colours."""
    keys = jax.random.split(key, 3)
    own, shape = target // _S, target % _S
    colour = pick(keys[0], jnp.arange(_C) != own if given is None else jnp.arange(_C) == given)
    other = (shape + 1 + jax.random.randint(keys[1], (2,), 0, _S - 1)) % _S
    nouns = (target, colour * _S + shape, colour * _S + other[0], own * _S + other[1])
    return _said(colour=colour + 1, shape=shape + 1), _kinds(keys[2], nouns)


def _not_shape(key: jax.Array, target: jax.Array, given: int | None = None) -> tuple[Said, jax.Array]:
    """A colour that is not of a shape: beside it one that is, and another colour in each of the two shapes."""
    keys = jax.random.split(key, 3)
    colour, own = target // _S, target % _S
    shape = pick(keys[0], jnp.arange(_S) != own if given is None else jnp.arange(_S) == given)
    other = (colour + 1 + jax.random.randint(keys[1], (2,), 0, _C - 1)) % _C
    nouns = (target, colour * _S + shape, other[0] * _S + shape, other[1] * _S + own)
    return _said(colour=colour + 1, shape=shape + 1), _kinds(keys[2], nouns)
