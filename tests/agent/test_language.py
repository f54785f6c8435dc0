"""Pretrained transformers beside the outputs of `transformers` and sentence-transformers (`language/make.py`)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from agent.language import pretrained, sentences, weights
from agent.language.families import FAMILIES
from agent.language.transformer import Shape, Transformer
from agent.language.weights import WeightsError

HERE = Path(__file__).parent / "language"


def golden(family: str) -> dict[str, Any]:
    with np.load(HERE / family / "golden.npz") as file:
        return {name: jnp.asarray(file[name]) for name in file}


def close(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", ["bert", "gpt2", "vit"])
def test_one_stack(family: str) -> None:
    """Hidden states of every layer and the output, equal to 1e-5."""
    wanted, module = golden(family), pretrained.load(str(HERE / family)).module
    if family == "vit":
        read = module(wanted["pixels"])
    else:
        read = module(wanted["ids"], wanted["there"] > 0) if family == "bert" else module(wanted["ids"])
    there = wanted["there"] > 0 if family == "bert" else jnp.ones(read.last.shape[:2], bool)
    states = [*read.hidden[:-1], read.last] if family == "gpt2" else read.hidden  # theirs ends with the last norm
    for ours, theirs in zip(states, wanted["hidden"], strict=True):
        close(ours[there], theirs[there])
    if "last" in wanted:
        close(read.last[there], wanted["last"][there])
    close(read.output, wanted["output"])


def test_clip() -> None:
    wanted, module = golden("clip"), pretrained.load(str(HERE / "clip")).module
    for half, read in (("text", module.text(wanted["ids"])), ("vision", module.vision(wanted["pixels"]))):
        for ours, theirs in zip(read.hidden, wanted[f"{half}_hidden"], strict=True):
            close(ours, theirs)
        close(read.output, wanted[f"{half}_output"])


@pytest.mark.parametrize("norm_first", [True, False])
def test_token_by_token_is_all_at_once(norm_first: bool) -> None:
    """A causal stack with a key-value cache gives what it gives for the whole sequence."""
    from flax import nnx

    stack = Transformer(Shape(16, 2, 2, 24, norm_first=norm_first, causal=True), nnx.Rngs(0))
    x = jax.random.normal(jax.random.key(0), (3, 5, 16))
    whole, cache = stack(x)[-1], stack.empty(3, 8)
    for time in range(5):
        there = jnp.broadcast_to(jnp.arange(8)[None] <= time, (3, 8))
        last, cache = stack.follow(x[:, time], cache, jnp.full(3, time), there)
        np.testing.assert_allclose(last, whole[:, time], atol=1e-5)


def test_sharded_files_are_one(tmp_path: Path) -> None:
    """Tensors in two files and an index, under the prefix that files of whole tasks have."""
    from safetensors.numpy import save_file

    tensors = list(weights.tensors(HERE / "bert").items())
    shutil.copy(HERE / "bert" / "config.json", tmp_path)
    index = {}
    for number, part in enumerate((tensors[::2], tensors[1::2])):
        save_file({f"bert.{name}": value for name, value in part}, tmp_path / f"{number}.safetensors")
        index |= {f"bert.{name}": f"{number}.safetensors" for name, _ in part}
    (tmp_path / weights.INDEX).write_text(json.dumps({"weight_map": index}))
    ids = golden("bert")["ids"]
    close(pretrained.load(str(tmp_path)).module(ids).last, pretrained.load(str(HERE / "bert")).module(ids).last)


def test_random_weights_are_of_the_same_shapes() -> None:
    random = pretrained.load(str(HERE / "gpt2"), pretrained=False, seed=1)
    assert random.digest.startswith("random:")
    assert random.digest != pretrained.load(str(HERE / "gpt2"), pretrained=False, seed=2).digest
    ids = golden("gpt2")["ids"]
    ours, theirs = random.module(ids).output, pretrained.load(str(HERE / "gpt2")).module(ids).output
    assert ours.shape == theirs.shape
    assert not np.allclose(ours, theirs)


def test_sentences_are_read_once_and_without_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["go to the red pillar", "eat stones", "go to the red pillar", "a"]
    first = sentences.embed(str(HERE / "bert"), texts)
    np.testing.assert_array_equal(first[0], first[2])
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1.0, atol=1e-6)
    bert = pretrained.load(str(HERE / "bert"))
    ids = sentences.tokenizer(bert.path).encode(texts[1]).ids
    assert len(ids) == 5  # [CLS] eat stone ##s [SEP]
    mean = bert.module(jnp.array([ids])).last[0].mean(0)
    np.testing.assert_allclose(first[1], mean / jnp.linalg.norm(mean), atol=1e-6)
    monkeypatch.setattr(sentences, "pooled", None)  # nothing is left to calculate
    np.testing.assert_array_equal(sentences.embed(str(HERE / "bert"), texts), first)


def test_minilm_is_sentence_transformers() -> None:
    """200 sentences: cosine at least 0.9999, no number off by more than 1e-5."""
    from experiments.fetch import fetch

    try:
        fetch("minilm")
    except WeightsError as error:
        pytest.skip(str(error))
    texts = json.loads((HERE / "sentences.json").read_text())
    with np.load(HERE / "sentences.npz") as file:
        wanted = file["embeddings"]
    found = sentences.embed("minilm", texts)
    assert len(texts) == 200
    assert (found * wanted).sum(1).min() >= 0.9999
    assert np.abs(found - wanted).max() <= 1e-5


def spoilt(tmp_path: Path, family: str = "bert") -> Path:
    return Path(shutil.copytree(HERE / family, tmp_path / family))


def test_wrong_names() -> None:
    with pytest.raises(WeightsError, match=r"no model 'minilmm'\. Did you mean 'minilm'\?"):
        weights.find("minilmm")


def test_nothing_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRUBJAY_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=r"not on this machine.*scrubjay weights get minilm"):
        weights.find("minilm")
    with pytest.raises(WeightsError, match="scrubjay weights get openai/none"):
        weights.find("openai/none")


def test_wrong_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoilt(tmp_path).rename(tmp_path / "minilm")
    monkeypatch.setenv("SCRUBJAY_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=r"SHA-256 .*, not 53aa51172d142c89.*scrubjay weights get minilm"):
        weights.verify("minilm")


def test_damaged_files(tmp_path: Path) -> None:
    path = spoilt(tmp_path)
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"damaged \(1000 bytes\)"):
        pretrained.load(str(path))
    file.unlink()
    with pytest.raises(WeightsError, match=r"neither model\.safetensors nor model\.safetensors\.index\.json"):
        pretrained.load(str(path))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"model_type": "berd"}, "no family (model_type) 'berd'. Did you mean 'bert'?"),
        ({"num_hidden_layers": 3}, "encoder.layer.2.attention.self.query.weight"),
        ({"num_hidden_layers": 1}, "unknown to family 'bert'"),
        ({"hidden_size": 32}, "but config.json asks for [24, 32]"),
        ({"hidden_act": "swishh"}, "no hidden_act 'swishh'"),
        ({"position_embedding_type": "relative_key"}, "only 'absolute' is known here for bert"),
        ({"hidden_size": "many"}, "what bert needs is missing or wrong there"),
    ],
)
def test_a_config_of_another_model(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    path = spoilt(tmp_path)
    file = path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(WeightsError) as caught:
        pretrained.load(str(path))
    assert text in str(caught.value)


def test_other_families_embed_no_sentences() -> None:
    with pytest.raises(WeightsError, match="is a gpt2; sentences are embedded by a bert"):
        sentences.embed(str(HERE / "gpt2"), ["go"])
    assert set(FAMILIES) == {"bert", "gpt2", "vit", "clip"}
