"""Sentences as vectors: what sentence-transformers makes of them with the same weights."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from agent.language import pretrained, weights
from agent.language.weights import WeightsError

_BATCH = 64
_LENGTHS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512)
"""Tokens to which sentences are filled up: few programs to compile, little to calculate in vain."""

_MANY = 512
"""Sentences from which on it is worth keeping them in a file."""

_known: dict[str, dict[tuple[int, ...], np.ndarray]] = {}
"""Embeddings by model (digest) and token ids: no sentence is read twice."""

_ids: dict[Path, dict[str, tuple[int, ...]]] = {}
"""Token ids by tokenizer and text: for known sentences, cutting them up would be nearly all of the work."""


def embed(model: str, texts: Sequence[str]) -> np.ndarray:
    """`[S, D]` float32: the mean over each sentence's tokens, of length 1 (Reimers & Gurevych 2019)."""
    bert = _bert(model)
    ids = token_ids(bert.path, texts)
    known = _known.setdefault(bert.digest, {})
    if any(each not in known for each in ids):
        known |= zip(ids, _embedded(bert, ids), strict=True)
    return np.stack([known[each] for each in ids]) if ids else np.zeros((0, bert.width), np.float32)


def _embedded(bert: pretrained.Pretrained, ids: Sequence[tuple[int, ...]]) -> np.ndarray:
    """A row for each sentence: from memory, from the file that a long list of sentences left, or from the model."""
    if len(ids) < _MANY:
        return _computed(bert, ids)
    file = _file(bert.digest, ids)
    with suppress(OSError, ValueError, EOFError):
        table = np.load(file, allow_pickle=False)
        if table.shape == (len(ids), bert.width) and table.dtype == np.float32 and np.isfinite(table).all():
            return table
    table = _computed(bert, ids)
    with suppress(OSError):
        _keep(file, table)
    return table


def _computed(bert: pretrained.Pretrained, ids: Sequence[tuple[int, ...]]) -> np.ndarray:
    known = _known[bert.digest]
    fresh = sorted({each for each in ids if each not in known}, key=len)
    for group in (fresh[i : i + _BATCH] for i in range(0, len(fresh), _BATCH)):
        table, there = filled(group)
        known |= zip(group, np.asarray(pooled(bert)(table, there))[: len(group)], strict=True)
    return np.stack([known[each] for each in ids])


def _file(digest: str, ids: Sequence[tuple[int, ...]]) -> Path:
    """Where the embeddings of these sentences are kept: beside the weights, named by all that they follow from."""
    said = hashlib.sha256(repr((digest, list(ids))).encode()).hexdigest()
    return weights.home() / "sentences" / f"{said[:32]}.npy"


def _keep(file: Path, table: np.ndarray) -> None:
    """Whole or not at all, whoever else writes it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as draft:
        np.save(draft, table)
    Path(draft.name).replace(file)


def token_ids(path: Path, texts: Sequence[str]) -> list[tuple[int, ...]]:
    """Of every text, by the tokenizer of a directory."""
    known = _ids.setdefault(path, {})
    fresh = list(dict.fromkeys(text for text in texts if text not in known))
    if fresh:
        known |= zip(fresh, (tuple(each.ids) for each in tokenizer(path).encode_batch_fast(fresh)), strict=True)
    return [known[text] for text in texts]


def filled(group: Sequence[tuple[int, ...]]) -> tuple[np.ndarray, np.ndarray]:
    """Token ids as one array `[N, L]` and which of them there are: the size of a batch is a power of two."""
    longest = max(map(len, group))
    length = next((each for each in _LENGTHS if each >= longest), longest)
    rows = 1 << (len(group) - 1).bit_length()
    table, there = np.zeros((rows, length), np.int32), np.zeros((rows, length), bool)
    for row, ids in enumerate(group):
        table[row, : len(ids)], there[row, : len(ids)] = ids, True
    return table, there


@lru_cache(maxsize=4)
def pooled(bert: pretrained.Pretrained) -> Any:
    """A compiled function `(ids [N, L], there [N, L]) -> [N, D]`; the weights are an argument of the program."""
    definition, state = nnx.split(bert.module)

    @jax.jit
    def run(state: Any, ids: jax.Array, there: jax.Array) -> jax.Array:
        last = nnx.merge(definition, state)(ids, there).last
        mean = jnp.where(there[..., None], last, 0.0).sum(1) / jnp.maximum(there.sum(1), 1)[:, None]
        return mean / jnp.maximum(jnp.linalg.norm(mean, axis=1, keepdims=True), 1e-12)

    return lambda ids, there: run(state, ids, there)


@lru_cache(maxsize=4)
def tokenizer(path: Path) -> Any:
    """The tokenizer of a directory, without padding, cut at what the model can take."""
    file = path / "tokenizer.json"
    if not file.is_file():
        raise WeightsError(f"{path} holds no tokenizer.json. Get the model anew.")
    try:
        made: Any = weights.needed("tokenizers").Tokenizer.from_file(str(file))
    except WeightsError:
        raise
    except Exception as error:  # its errors derive from Exception alone
        raise WeightsError(f"{file} cannot be read: {error}. Get the model anew.") from error
    made.no_padding()  # MiniLM's file fills every sentence up to 128
    limit = pretrained.read_config(path).get("max_position_embeddings", 512)
    made.enable_truncation(min(limit, 256))
    return made


def _bert(model: str) -> pretrained.Pretrained:
    found = pretrained.load(model)
    if found.family != "bert":
        raise WeightsError(f"model {model!r} is a {found.family}; sentences are embedded by a bert, such as 'minilm'.")
    return found
