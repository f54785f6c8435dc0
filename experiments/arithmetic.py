"""Arithmetic of meanings: is "red pillar" - "red" + "blue" nearest to "blue pillar"? (Mikolov, Yih & Zweig 2013.)

A word stands for the shortest thing that GROUND's sentences say of it ("red": "red thing"), so that all vectors are of
sentences that the agent may hear. As is usual, the three that went in are no answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from agent.circuit import Params
from agent.language.frozen_text import FrozenTextConfig, embedded
from agent.language.words import sentences_of
from agent.wires import BODY
from envs.grammar import SIZES, TEMPLATES
from envs.scene import COLOURS, SHAPES
from experiments.errors import RunError
from experiments.run import Run
from experiments.scores import interval

SORTS = {"size": tuple(SIZES), "colour": tuple(COLOURS), "shape": tuple(SHAPES)}


class Sum(NamedTuple):
    """`whole - less + more`, and what it should be, as words of a thing."""

    whole: str
    less: str
    more: str
    answer: str


class Near(NamedTuple):
    """A sentence near a sum."""

    text: str
    cosine: float


@dataclass(frozen=True, eq=False)
class Space:
    """The vectors of all candidates in one space, and their texts."""

    texts: tuple[str, ...]
    vectors: np.ndarray  # [N, D]

    def near(self, problem: Sum) -> list[Near]:
        """All candidates but the three that went in, nearest first by cosine."""
        whole, less, more = (self.vectors[self.texts.index(text)] for text in problem[:3])
        wanted = whole - less + more
        norms = np.linalg.norm(self.vectors, axis=1) * np.linalg.norm(wanted)
        cosine = self.vectors @ wanted / np.maximum(norms, 1e-12)
        order = [n for n in np.argsort(-cosine, kind="stable") if self.texts[n] not in problem[:3]]
        return [Near(self.texts[n], float(cosine[n])) for n in order]


def things() -> tuple[str, ...]:
    """Everything that words of size, colour and shape can say of a thing: "thing" stands where no shape is said."""
    named = product(("", *SORTS["size"]), ("", *SORTS["colour"]), ("thing", *SORTS["shape"]))
    return tuple(" ".join(filter(None, words)) for words in named)[1:]


def sums() -> dict[str, list[Sum]]:
    """Every exchange of one word of a thing for another of its sort, by sort: where another word stays beside it."""
    found: dict[str, list[Sum]] = {sort: [] for sort in SORTS}
    for size, colour, shape in product(*(("", *words) for words in SORTS.values())):
        kind = {"size": size, "colour": colour, "shape": shape}
        for sort, words in SORTS.items():
            if kind[sort] and sum(map(bool, kind.values())) > 1:
                for other in (word for word in words if word != kind[sort]):
                    answer = _named(kind | {sort: other})
                    found[sort].append(Sum(_named(kind), _named({sort: kind[sort]}), _named({sort: other}), answer))
    return found


def parsed(text: str) -> Sum:
    """`red pillar - red + blue`, with the answer that exchanging the words gives."""
    whole, minus, rest = (part.strip() for part in text.partition(" - "))
    less, plus, more = (part.strip() for part in rest.partition(" + "))
    kinds = [_kind(words) for words in (whole, less, more)]
    (sort,) = [s for s in SORTS if minus and plus and all(kinds) and _only(kinds[1]) == _only(kinds[2]) == s] or ("",)
    if not sort or len(kinds[0]) < 2 or kinds[0].get(sort) != kinds[1][sort] or kinds[1] == kinds[2]:
        known = "; ".join(f"{each}: {', '.join(SORTS[each])}" for each in SORTS)
        raise RunError(
            f"--arithmetic {text!r}: write THING - WORD + WORD, such as 'red pillar - red + blue': a thing of two "
            f"words or three, one of them, and another of its sort ({known})."
        )
    answer = _named(kinds[0] | {sort: kinds[2][sort]})
    return Sum(_named(kinds[0]), _named(kinds[1]), _named(kinds[2]), answer)


def _only(kind: dict[str, str]) -> str:
    return next(iter(kind)) if len(kind) == 1 else ""


def _kind(words: str) -> dict[str, str]:
    """`{"colour": "red", "shape": "pillar"}`; empty where a word is of no sort, or two are of one."""
    found = [(sort, word) for word in words.split() for sort, known in SORTS.items() if word in known]
    whole = len(found) == len([word for word in words.split() if word != "thing"])
    return dict(found) if whole and len(dict(found)) == len(found) else {}


def _named(kind: dict[str, str]) -> str:
    return " ".join(filter(None, (kind.get("size", ""), kind.get("colour", ""), kind.get("shape") or "thing")))


def spaces(run: Run, params: Params | None = None) -> dict[str, Space]:
    """The frozen embedding and the trained code of "go to the ..." for every thing.

    RunError for a brain without a frozen language module.
    """
    hears = [wire.target for wire in run.circuit.wires if wire.start == f"{BODY}.sentence"]
    found = [n for n in hears if isinstance(run.circuit.modules[n], FrozenTextConfig)]
    if not found:
        raise RunError(
            f"{run.path}: no module of this brain reads sentences by a frozen transformer, whose meanings this probe "
            "adds up. Take a run with agent/language=frozen."
        )
    name, said = found[0], things()
    config: Any = run.circuit.modules[name]
    if config.shuffled:
        raise RunError(f"{run.path}: agent.modules.{name}.shuffled leaves no meaning to add up. Take a run without.")
    texts = [f"{TEMPLATES[0][0]} {thing}" for thing in said]
    rows = embedded(config, sentences_of(run.circuit.inputs[name]), texts)
    box: Any = run.circuit.with_weights(name, run.learner().params if params is None else params)
    return {"embedding": Space(said, rows), "code": Space(said, np.asarray(box.readout(rows)))}


def scores(space: Space, problems: dict[str, Sequence[Sum]] | None = None) -> dict[str, dict[str, float]]:
    """By sort and of all: how often the answer ranks first, with a 95 % interval, its mean rank, and chance."""
    ranks = {
        sort: np.array([[near.text for near in space.near(p)].index(p.answer) + 1 for p in listed])
        for sort, listed in (problems or sums()).items()
    }
    ranks["all"] = np.concatenate([*ranks.values()])
    chance = 1 / (len(space.texts) - 3)
    return {sort: _figures(found, chance) for sort, found in ranks.items()}


def _figures(ranks: np.ndarray, chance: float) -> dict[str, float]:
    low, high = interval(np.asarray(ranks == 1, float))
    first = float((ranks == 1).mean())
    return {"first": first, "low": low, "high": high, "rank": float(ranks.mean()), "sums": len(ranks), "chance": chance}
