"""A small GPT-2 that reads descriptions and answers questions on them, trained here from nothing in a minute.

It stands in for GPT-2 itself, whose weights only the Hugging Face hub has: what can be shown of a frozen transformer
with and without pretraining can be shown of this one by anybody.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from agent.language import names, weights
from agent.language.families import Gpt2
from envs.scene import COLOURS, SHAPES

QUESTIONS = ("what colour is it ? it is", "what shape is it ? it is")
WORDS = (*dict.fromkeys(f"? . a the there is {' '.join(QUESTIONS)} {' '.join(COLOURS)} {' '.join(SHAPES)}".split()),)
CONFIG: dict[str, Any] = {
    "model_type": "gpt2",
    "vocab_size": len(WORDS),
    "n_positions": 64,
    "n_embd": 64,
    "n_layer": 2,
    "n_head": 4,
}
UPDATES, BATCH, RATE = 1500, 128, 2e-3


def directory(path: Path, seed: int = 0) -> float:
    """Trains it and writes it as Hugging Face lays models out; the loss per word at the end, in nats."""
    ids = jnp.asarray(_texts(np.random.default_rng(seed), 20_000))
    definition, state = nnx.split(Gpt2(CONFIG, nnx.Rngs(seed)))
    optimizer = optax.adam(optax.cosine_decay_schedule(RATE, UPDATES))

    def loss(state: Any, rows: jax.Array) -> jax.Array:
        logits, next_word = nnx.merge(definition, state)(rows[:, :-1]).output, rows[:, 1:]
        there = next_word >= 0
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.maximum(next_word, 0))
        return jnp.where(there, losses, 0.0).sum() / there.sum()

    def update(carry: Any, key: jax.Array) -> tuple[Any, jax.Array]:
        state, moments = carry
        found, change = jax.value_and_grad(loss)(state, ids[jax.random.randint(key, (BATCH,), 0, len(ids))])
        change, moments = optimizer.update(change, moments)
        return (optax.apply_updates(state, change), moments), found

    train = jax.jit(lambda state, keys: jax.lax.scan(update, (state, optimizer.init(state)), keys))
    (state, _), losses = train(state, jax.random.split(jax.random.key(seed), UPDATES))
    _write(path, nnx.to_pure_dict(state))
    return float(losses[-50:].mean())


def _texts(random: np.random.Generator, number: int) -> np.ndarray:
    """`[number, L]` ids, then -1: "there is a red stone . what shape is it ? it is stone", and shorter ones."""
    rows = np.full((number, 16), -1, np.int32)
    for row in rows:
        colour, shape = random.choice(list(COLOURS)), random.choice(list(SHAPES))
        told = " ".join((colour, shape) if random.random() < 0.5 else (shape, colour))
        which = int(random.integers(2))
        start = random.choice(["{}", "a {} .", "there is a {} .", "it is the {} ."]).format(told)
        words = f"{start} {QUESTIONS[which]} {(colour, shape)[which]}".split()
        row[: len(words)] = [WORDS.index(word) for word in words]
    return rows


def _write(path: Path, tree: Any) -> None:
    path.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for tensor in names.tensors_of("gpt2", CONFIG):
        value = tree
        for part in tensor.path.split("."):
            value = value[int(part) if part.isdigit() else part]
        tensors[tensor.names[0]] = np.asarray(value)
    weights.needed("safetensors.numpy").save_file(tensors, path / "model.safetensors")
    (path / "config.json").write_text(json.dumps(CONFIG))
    made = weights.needed("tokenizers")
    words = made.Tokenizer(made.models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token=WORDS[0]))
    words.pre_tokenizer = made.pre_tokenizers.WhitespaceSplit()
    words.save(str(path / "tokenizer.json"))
