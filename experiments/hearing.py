"""What a trained brain's language module makes of any sentence, be it in its table or not."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from agent.circuit import Params
from agent.language.frozen_text import FrozenTextConfig, embedded, embeddings
from agent.language.learned_text import LearnedText, LearnedTextConfig
from agent.language.words import sentences_of, split
from agent.ports import Ports
from agent.registry import kind_of
from experiments.errors import RunError
from experiments.run import Run


def code(run: Run, params: Params, name: str, text: str, strange: Collection[str] = ()) -> dict[str, jax.Array]:
    """`{module.port: [D]}`, what the module `name` sends for a sentence; `strange` are its words outside training."""
    config = run.circuit.modules[name]
    if isinstance(config, FrozenTextConfig):
        known = sentences_of(run.circuit.inputs[name])
        row = _shuffled(run, config, name, known, text) if config.shuffled else embedded(config, known, [text])
        box: Any = run.circuit.with_weights(name, params)
        return {f"{name}.code": box.readout(jnp.asarray(row))[0]}
    if isinstance(config, LearnedTextConfig):
        return {f"{name}.code": _learned(run, params, name, text, strange)}
    raise RunError(
        f"{run.path}: module {name!r} of kind {kind_of(config)!r} knows sentences by their numbers alone, so that none "
        "of one's own can be said. Take agent/language=frozen or learned."
    )


def _shuffled(run: Run, config: FrozenTextConfig, name: str, known: tuple[str, ...], text: str) -> np.ndarray:
    """`[1, D]`, the embedding that a sentence was given in place of its own."""
    rows = [row for row, sentence in enumerate(known) if split(sentence) == split(text)]
    if not rows:
        raise RunError(
            f"{run.path}: agent.modules.{name}.shuffled gives every sentence the embedding of another one, so that "
            f"{text!r}, which is none of its {len(known):,} sentences, has none. Take a run without."
        )
    return embeddings(config, known)[rows]


def _learned(run: Run, params: Params, name: str, text: str, strange: Collection[str]) -> jax.Array:
    """`[D]`: the module with one sentence more in its table; its words and places are those of training."""
    inputs = run.circuit.inputs[name]
    known, longest = sentences_of(inputs), params[name]["places"].shape[0]
    if strange:
        raise RunError(
            f"--say {text!r}: {', '.join(map(repr, strange))} outside the words of training. The language module "
            f"{name!r} learned its words in training, and has no meaning for others; a run with agent/language=frozen "
            "knows words from its transformer."
        )
    if len(split(text)) > longest:
        raise RunError(
            f"--say {text!r}: it has {len(split(text))} words, but the language module {name!r} learned places for "
            f"{longest}. Say it in fewer."
        )
    more = Ports(inputs, sentence=replace(inputs["sentence"], labels=(*known, text)))
    definition, weights = nnx.split(nnx.eval_shape(lambda: LearnedText(run.circuit.modules[name], more, nnx.Rngs(0))))
    nnx.replace_by_pure_dict(weights, params[name])
    box = nnx.merge(definition, weights)
    return box((), {"sentence": jnp.array([len(known)])}, jax.random.key(0))[1]["code"][0]
