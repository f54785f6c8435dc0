"""Pretrained transformers in the decision itself: memory, visual prefix and vision, beside peers and the plain way."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import agent
from agent import Port, Ports
from agent.errors import ConfigError
from agent.language import pixels, pretrained
from agent.language.frozen_text import FrozenText, FrozenTextConfig
from agent.language.frozen_vision import FrozenVision, FrozenVisionConfig
from agent.language.visual_prefix import VisualPrefix, VisualPrefixConfig
from agent.memory.frozen_memory import FrozenMemory, FrozenMemoryConfig
from tests.agent.parts import BATCH, around, bench, life

HERE = Path(__file__).parent / "language"
GPT2, BERT = str(HERE / "gpt2"), str(HERE / "bert")
SAID = ("go to the red pillar", "what is it", "eat")
EYE = Ports(image=Port((2, 8, 4), "image"))


def close(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), atol=1e-5, rtol=1e-5)


def golden(family: str, name: str) -> dict[str, Any]:
    with np.load(HERE / family / f"{name}.npz") as file:
        return {key: jnp.asarray(file[key]) for key in file}


def test_tokens_that_are_no_words_are_read_as_the_peer_reads_them() -> None:
    wanted, gpt2 = golden("gpt2", "given"), pretrained.causal(GPT2).module
    there = wanted["there"] > 0
    last = gpt2.norm(gpt2.body(wanted["embeds"] + gpt2.places[...][None, :7], there)[-1])
    close((last @ gpt2.words[...].T)[there], wanted["logits"][there])


def remembering(**options: Any) -> FrozenMemory:
    config = FrozenMemoryConfig(**{"width": 8, "model": GPT2, "window": 4, **options})
    return FrozenMemory(config, Ports(input=Port((6,))), nnx.Rngs(0))


def test_memory_with_its_ring_is_the_whole_history_read_anew() -> None:
    """Over more decisions than the window and than the transformer has places; a new episode in one environment."""
    memory, times = remembering(), 23
    x = jax.random.normal(jax.random.key(0), (times, 2, 6))
    first = jnp.zeros((times, 2), bool).at[9, 1].set(True)

    def tick(state: Any, moment: Any) -> Any:
        x, first = moment
        state, outputs = memory(memory.reset(state, first), {"input": x}, jax.random.split(jax.random.key(0), 2))
        return state, outputs["state"]

    _, found = jax.lax.scan(tick, memory.initial(2), (x, first))
    gpt2 = memory.frozen.gpt2

    def anew(x: jax.Array) -> jax.Array:
        """`[T, 6]` -> `[T, 8]`, without any cache: each token sees the last four."""
        tokens = memory.frozen.associate(x, memory.config.sharpness) + gpt2.places[...][jnp.arange(len(x)) % 20]
        last = gpt2.norm(gpt2.body(tokens[None], window=4)[-1])[0]
        centred = last - last.mean(-1, keepdims=True)
        return memory.readout(centred / jnp.sqrt(jnp.square(centred).mean(-1, keepdims=True)))

    close(found[:, 0], anew(x[:, 0]))
    close(found[:9, 1], anew(x[:9, 1]))
    close(found[9:, 1], anew(x[9:, 1]))


def test_within_its_window_memory_is_the_plain_transformer() -> None:
    body = pretrained.causal(GPT2).module.body
    x = jax.random.normal(jax.random.key(0), (1, 4, 16))
    np.testing.assert_array_equal(body(x, window=4)[-1], body(x)[-1])
    assert not np.allclose(body(x, window=3)[-1][:, 3], body(x)[-1][:, 3])


def test_observations_become_mixtures_of_words() -> None:
    """token = softmax(β cos(P x, E)) E, in NumPy; the projection stays what the seed made it."""
    memory = remembering(sharpness=30.0)
    x = np.random.default_rng(1).normal(size=(3, 6))
    query, words = x @ np.asarray(memory.frozen.projection), np.asarray(memory.frozen.gpt2.words, np.float64)
    cosine = query @ words.T / np.linalg.norm(query, axis=1)[:, None] / np.linalg.norm(words, axis=1)
    weight = np.exp(30.0 * cosine) / np.exp(30.0 * cosine).sum(1, keepdims=True)
    close(memory.frozen.associate(jnp.asarray(x, jnp.float32), 30.0), weight @ words)
    sharp = memory.frozen.associate(jnp.asarray(x, jnp.float32), 1e4)
    close(sharp, words[cosine.argmax(1)])
    assert not np.allclose(memory.frozen.projection, remembering(seed=1).frozen.projection)


def seeing(**options: Any) -> VisualPrefix:
    config = VisualPrefixConfig(**{"model": GPT2, "features": 8, "width": 8, "candidates": ("red", "green"), **options})
    told = Port((), "index", "int32", labels=SAID)
    return VisualPrefix(config, Ports(EYE, sentence=told, right=Port((), "index", "int32")), nnx.Rngs(0))


def test_a_prefix_is_read_before_every_sentence_as_if_it_were_alone() -> None:
    prefix = seeing()
    image, row = jax.random.uniform(jax.random.key(0), (3, 2, 8, 4)), jnp.arange(3)
    inputs = {"image": image, "sentence": row, "right": jnp.array([0, 1, -1])}
    _, found = prefix((), inputs, jax.random.split(jax.random.key(0), 3))
    ids, there = prefix.config.text(prefix.inputs)
    assert there.sum(1).tolist() == [5, 3, 1]
    red_green = [7, 8]  # places in the fixture's vocabulary
    for b in range(3):
        words = prefix.frozen.words[...][jnp.asarray(ids[b][there[b]])]
        x = jnp.concatenate([prefix.see(image[b : b + 1])[0], words])
        x = prefix.frozen.body((x + prefix.frozen.places[...][: len(x)])[None])[-1]
        logits = prefix.frozen.norm(x[0, -1]) @ prefix.frozen.words[...].T
        close(found["answer"][b], jax.nn.log_softmax(logits[jnp.array(red_green)]))
    close(found["naming"], [-found["answer"][0, 0], -found["answer"][1, 1], 0.0])


def test_a_prompt_stands_where_no_sentence_is_wired() -> None:
    image, keys = jax.random.uniform(jax.random.key(0), (1, 2, 8, 4)), jax.random.split(jax.random.key(0), 1)
    told = seeing()((), {"image": image, "sentence": jnp.array([1])}, keys)[1]["answer"]
    config = VisualPrefixConfig(model=GPT2, features=8, width=8, candidates=("red", "green"), prompt=SAID[1])
    asked = VisualPrefix(config, EYE, nnx.Rngs(0))((), {"image": image}, keys)[1]["answer"]
    close(asked, told)


def test_gradient_passes_through_the_frozen_transformer() -> None:
    """And is that of finite differences."""
    circuit = around({"kind": "visual_prefix", "model": GPT2, "features": 8, "candidates": ["red", "green", "blue"]})
    params, lived = circuit.init(jax.random.key(0)), life(circuit, times=1)
    moment = jax.tree.map(lambda x: x[0], lived)
    start = circuit.initial(BATCH)

    @jax.jit
    def loss(shift: jax.Array) -> jax.Array:
        moved = params | {"it": params["it"] | {"place": params["it"]["place"] + shift}}
        return circuit.step(moved, start, *moment, probes=("it.naming",))[2]["it.naming"].mean()

    slope = jax.grad(loss)(jnp.float32(0.0))
    step = 1e-2
    assert abs(float(slope)) > 1e-4
    np.testing.assert_allclose(slope, (loss(step) - loss(-step)) / (2 * step), rtol=0.02)


def test_frozen_weights_are_beside_the_params() -> None:
    made = bench("frozen_memory")
    assert "frozen" not in made.params["it"]
    assert set(made.circuit.frozen) == {"it"}
    assert made.circuit.digests == {"it": pretrained.load(GPT2).digest}
    assert bench("frozen_text").circuit.digests == {"it": pretrained.load(BERT).digest}
    lived, start = life(made.circuit, times=3), made.circuit.initial(BATCH)
    whole = made.circuit.whole(made.params, made.circuit.frozen)
    constants, arguments = (made.unroll(params, start, *lived)[1] for params in (made.params, whole))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), constants, arguments)
    nothing = made.circuit.whole(made.params, jax.tree.map(jnp.zeros_like, made.circuit.frozen))
    assert not np.allclose(made.unroll(nothing, start, *lived)[1]["it.state"], constants["it.state"])


def test_what_is_added_to_an_embedding_is_white() -> None:
    """Its mean and covariance in the code are those of independent numbers in the embedding: 0 and ε² Wᵀ W."""
    inputs = Ports(sentence=Port((), "index", dtype="int32", labels=SAID))
    config = FrozenTextConfig(width=3, model=BERT, noise=0.5)
    text, plain = (FrozenText(c, inputs, nnx.Rngs(0)) for c in (config, replace(config, noise=0.0)))
    count = 20_000
    keys, said = jax.random.split(jax.random.key(0), count), {"sentence": jnp.zeros(count, jnp.int32)}
    added = np.asarray(text((), said, keys)[1]["code"] - plain((), said, keys)[1]["code"], np.float64)
    weights = np.asarray(text.readout.kernel[...], np.float64)
    wanted = 0.25 * weights.T @ weights
    scale = np.sqrt(np.diag(wanted))
    assert np.abs(added.mean(0) / scale).max() < 4 / np.sqrt(count)
    assert np.abs((added.T @ added / count - wanted) / np.outer(scale, scale)).max() < 5 / np.sqrt(count)


@pytest.mark.parametrize("family", ["vit", "clip"])
@pytest.mark.parametrize("size", ["small", "large"])
def test_images_are_prepared_and_seen_as_the_peer_does(family: str, size: str) -> None:
    """Pixels and embeddings to 1e-5; images smaller and larger than the model's, of other proportions."""
    wanted = golden(family, "images")
    config = FrozenVisionConfig(model=str(HERE / family), width=8)
    vision = FrozenVision(config, Ports(image=Port(wanted[size].shape[1:], "image")), nnx.Rngs(0))
    made = config.prepare(wanted[size])
    close(made, wanted[f"{size}_pixels"])
    close(vision.frozen(made).output, wanted[f"{size}_output"])
    _, outputs = vision((), {"image": wanted[size]}, jax.random.split(jax.random.key(0), 2))
    declared = config.ports(vision.inputs)
    assert outputs["tokens"].shape[1:] == declared["tokens"].shape


def refused(options: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        around(options)
    return str(caught.value)


def test_other_families_are_refused() -> None:
    assert "is a bert; what is wanted is a causal transformer" in refused({"kind": "frozen_memory", "model": BERT})
    assert "is a vit; what is wanted is a causal" in refused({"kind": "visual_prefix", "model": str(HERE / "vit")})
    assert "is a gpt2, which sees no pixels; what is wanted is a vit" in refused(
        {"kind": "frozen_vision", "model": GPT2}
    )


def test_weights_that_are_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    for kind, model in (
        ("frozen_memory", "openai-community/gpt2"),
        ("visual_prefix", "openai-community/gpt2"),
        ("frozen_vision", "openai/clip-vit-base-patch32"),
    ):
        text = refused({"kind": kind})
        assert "agent.modules.it: " in text
        assert f"Get it: scrubjay weights get {model}" in text


def test_mistakes() -> None:
    found = refused({"kind": "frozen_memory", "model": GPT2, "window": 21})
    assert "window (21) must be at most 20, the positions that" in found
    prefix = {"kind": "visual_prefix", "model": GPT2}
    assert "'blue' has no first token of its own" in refused({**prefix, "candidates": ["blue", "red", "blue"]})
    assert "it is that of 'blue'. Choose other words." in refused({**prefix, "candidates": ["blue", "red", "blue"]})
    assert "make 23 tokens, but" in refused({**prefix, "tokens": 18})
    assert "patch (3) must divide the sides of the image (2 x 32)" in refused({**prefix, "patch": 3})
    senses = Ports(camera=Port((8, 8, 1), "image"), push=Port((2,)))
    mapping = {
        "modules": {"eye": {"kind": "frozen_vision", "model": str(HERE / "vit")}, "go": {"kind": "body_encoder"}},
        "wires": ["body.camera -> eye.image", "body.push -> go.senses", "go.code -> body.action"],
    }
    with pytest.raises(ConfigError, match=r"the image has 1 channels.*Set camera\.mode to rgb"):
        agent.build(mapping, senses, Port((32,), "action"))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (None, "holds no preprocessor_config.json"),
        ("{", "cannot be used"),
        ('{"do_resize": false, "image_mean": [0, 0, 0], "image_std": [1, 1, 1]}', "makes 2 x 32 pixels of 2 x 32"),
        ('{"size": 12, "resample": 7}', "cannot be used: KeyError(7)"),
    ],
)
def test_a_preprocessor_config_that_does_not_do(tmp_path: Path, change: str | None, text: str) -> None:
    path = Path(shutil.copytree(HERE / "vit", tmp_path / "vit"))
    file = path / pixels.FILE
    file.unlink() if change is None else file.write_text(change)
    assert text in refused({"kind": "frozen_vision", "model": str(path)})
