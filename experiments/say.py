"""A sentence of one's own for a trained agent: where it is true, how the brain hears it, and which words are new to it.

told = say(run, "go to the blue pillar left of the red stone")
write_page(record(run, told=told), "watch.html")
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import jax
import numpy as np

from agent.circuit import Params
from agent.language.words import split
from agent.wires import BODY
from envs.moment import sentences
from envs.world import World
from experiments.errors import RunError
from experiments.hearing import code
from experiments.run import Run

SCENES = ("fitting", "random")
"""`fitting`: things of which the sentence means one, where it can be understood; `random`: as in any other episode."""

_DRAWS, _TURNS = 1 << 16, 2
_NEAR = 3


@dataclass(frozen=True, eq=False)
class Told:
    """A sentence, ready to be said."""

    text: str
    task: Any  # it says so in scenes that fit; None: scenes are drawn at random, and no touch is right or wrong
    clamp: dict[str, jax.Array]  # {module.port: [D]}, how the brain hears it
    known: bool  # training may have said it
    strange: dict[str, tuple[str, ...]] = field(default_factory=dict)  # words outside training: words near to them

    def remarks(self) -> list[str]:
        """What one should know about it, a line each."""
        said = [
            f"{word!r} is no word of its training{f'; near: {_listed(near)}' if near else ''}."
            for word, near in self.strange.items()
        ]
        if not self.known and not self.strange:
            said.append("Its training never said this sentence, but all words of it.")
        if self.task is None:
            said.append("The scene is drawn at random: what is touched is told, but not whether it was meant.")
        return said


def say(run: Run, text: str, scene: str = "fitting", params: Params | None = None) -> Told:
    """Prepares a sentence for a run's newest checkpoint, or for other weights.

    RunError for a brain that hears no sentences, a task that takes none, a sentence without words, and words that a
    brain with learned words has never learned.
    """
    text = " ".join(text.split())
    _check(run, text, scene)
    heard = trained_on(run)
    known = tuple(split(text)) in heard
    words = {word for sentence in heard for word in sentence}
    strange = {w: tuple(difflib.get_close_matches(w, sorted(words), _NEAR)) for w in split(text) if w not in words}
    task: Any = run.env.task.told(text) if scene == "fitting" else None  # type: ignore[union-attr]
    hears = [wire.target for wire in run.circuit.wires if wire.start == f"{BODY}.sentence"]
    params = run.learner().params if params is None else params
    clamp = {port: value for name in hears for port, value in code(run, params, name, text, strange).items()}
    return Told(text, task, clamp, known, strange)


def _check(run: Run, text: str, scene: str) -> None:
    if not isinstance(run.env, World) or not hasattr(run.env.task, "told"):
        raise RunError(
            f"{run.path} was trained on {run.setup.world!r}, where nobody says what to go to. "
            "--say is for a run of 'ground': scrubjay train experiment=ground"
        )
    if not any(wire.start == f"{BODY}.sentence" for wire in run.circuit.wires):
        raise RunError(
            f"{run.path}: this brain hears no sentences: nothing is wired to {BODY}.sentence. Train one that does: "
            "scrubjay train experiment=ground"
        )
    if not split(text):
        raise RunError(f"--say {text!r}: there is no word in it. Say, for example: 'go to the blue pillar'.")
    if scene not in SCENES:
        raise RunError(f"--scene {scene}: choose from {', '.join(SCENES)}.")


def trained_on(run: Run) -> frozenset[tuple[str, ...]]:
    """The sentences that a run's training may have said, as words: all that its task draws."""
    env: Any = run.env
    return _drawn(env.task, env.body)


@lru_cache(maxsize=4)
def _drawn(task: Any, body: Any) -> frozenset[tuple[str, ...]]:
    """What a task said in 131,072 episodes: GROUND's rarest sentence is said in one of 10,080."""
    draw = jax.jit(jax.vmap(lambda key: task.scene(task.reset(key, body)[0]).sentence))
    keys = jax.random.split(jax.random.key(0), _TURNS)
    rows = np.unique([np.asarray(draw(jax.random.split(key, _DRAWS))) for key in keys])
    said = sentences(task)
    return frozenset(tuple(split(said[row])) for row in rows)


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(map(repr, words))
