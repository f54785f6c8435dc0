"""Makes the golden files beside it: small random models saved by `transformers`, and what it makes of some input.

    pip install torch transformers sentence-transformers
    python tests/agent/language/make.py MINILM_DIRECTORY

The sentences' embeddings are those of sentence-transformers with the official all-MiniLM-L6-v2 files.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    GPT2Config,
    GPT2LMHeadModel,
    ViTConfig,
    ViTImageProcessor,
    ViTModel,
)

HERE = Path(__file__).parent
SAID = "go to the take eat find red green blue stone mushroom pillar left right of not , ."
WORDS = SAID.split()
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}


def main(minilm: str) -> None:
    torch.manual_seed(0)
    ids = torch.randint(3, 24, (3, 7))
    there = torch.tensor([[1] * 7, [1] * 5 + [0] * 2, [1] * 2 + [0] * 5])
    pixels = torch.randn(2, 3, 12, 12)
    bert = BertModel(BertConfig(vocab_size=24, max_position_embeddings=20, **SMALL))
    save("bert", bert, {"ids": ids, "there": there}, lambda: bert(ids, there, output_hidden_states=True))
    tokenizer().save(str(HERE / "bert" / "tokenizer.json"))
    gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=24, n_positions=20, n_embd=16, n_layer=2, n_head=2))
    save("gpt2", gpt2, {"ids": ids}, lambda: gpt2(ids, output_hidden_states=True))
    words().save(str(HERE / "gpt2" / "tokenizer.json"))
    given(gpt2)
    vit = ViTModel(ViTConfig(image_size=12, patch_size=4, **SMALL), add_pooling_layer=False)
    save("vit", vit, {"pixels": pixels}, lambda: vit(pixels, output_hidden_states=True))
    images("vit", ViTImageProcessor(size={"height": 12, "width": 12}), lambda x: vit(x).last_hidden_state[:, 0])
    text = {**SMALL, "vocab_size": 24, "max_position_embeddings": 20, "eos_token_id": 23, "bos_token_id": 22}
    config = CLIPConfig(text_config=text, vision_config={**SMALL, "image_size": 12, "patch_size": 4}, projection_dim=10)
    clip, ended = CLIPModel(config), ids.clamp(max=22)
    ended[torch.arange(3), torch.tensor([6, 4, 1])] = 23
    save("clip", clip, {"ids": ended, "pixels": pixels}, lambda: clip(ended, pixels, output_hidden_states=True))
    processor = CLIPImageProcessor(size={"shortest_edge": 14}, crop_size={"height": 12, "width": 12})
    images("clip", processor, lambda x: embedding(clip.get_image_features(x)))
    sentences(minilm)


def save(family: str, model: Any, inputs: dict[str, torch.Tensor], run: Any) -> None:
    """Weights away from their small initial values, so that every one of them matters."""
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    model.eval().save_pretrained(HERE / family)
    (HERE / family / "generation_config.json").unlink(missing_ok=True)
    with torch.no_grad():
        made = run()
    golden = {name: value.numpy() for name, value in inputs.items()}
    parts = {"": made} if family != "clip" else {"text_": made.text_model_output, "vision_": made.vision_model_output}
    for prefix, part in parts.items():
        golden[f"{prefix}hidden"] = torch.stack(part.hidden_states).numpy()
    if family == "bert":
        golden |= {"last": made.last_hidden_state.numpy(), "output": made.pooler_output.numpy()}
    elif family == "gpt2":
        golden |= {"output": made.logits.numpy()}
    elif family == "vit":
        golden |= {"last": made.last_hidden_state.numpy(), "output": made.last_hidden_state[:, 0].numpy()}
    else:
        with torch.no_grad():
            texts, seen = (
                embedding(out)
                for out in (model.get_text_features(inputs["ids"]), model.get_image_features(inputs["pixels"]))
            )
        golden |= {"text_output": texts.numpy(), "vision_output": seen.numpy()}
    np.savez_compressed(HERE / family / "golden.npz", **golden)


def embedding(made: Any) -> torch.Tensor:
    """What CLIP's halves give: a tensor, or since transformers 5 an object that holds it."""
    return getattr(made, "pooler_output", made)


def given(gpt2: Any) -> None:
    """What GPT-2 makes of tokens that are no words, as a prefix or a memory gives them."""
    embeds, there = torch.randn(3, 7, 16), torch.tensor([[1] * 7, [1] * 5 + [0] * 2, [1] * 2 + [0] * 5])
    with torch.no_grad():
        logits = gpt2(inputs_embeds=embeds, attention_mask=there).logits
    np.savez_compressed(HERE / "gpt2" / "given.npz", embeds=embeds, there=there, logits=logits)


def images(family: str, processor: Any, see: Any) -> None:
    """Images smaller and larger than the model wants them, its pixels, and what it sees in them."""
    processor.save_pretrained(HERE / family)
    golden = {}
    for name, shape in (("small", (2, 3, 8, 11)), ("large", (2, 3, 31, 26))):
        image = torch.rand(shape)
        pixels = processor(list(image), do_rescale=False, return_tensors="pt")["pixel_values"]
        with torch.no_grad():
            golden |= {name: image.permute(0, 2, 3, 1), f"{name}_pixels": pixels, f"{name}_output": see(pixels)}
    np.savez_compressed(HERE / family / "images.npz", **{name: each.numpy() for name, each in golden.items()})


def words() -> Tokenizer:
    """A tokenizer with 24 whole words."""
    tokens = {token: n for n, token in enumerate(["?", *WORDS, "what", "is", "it"][:24])}
    made = Tokenizer(models.WordLevel(tokens, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def tokenizer() -> Tokenizer:
    """A small word piece tokenizer with 24 tokens, which fills up to 128 as MiniLM's does."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS, "##s", "a"]
    made = Tokenizer(models.WordPiece({token: n for n, token in enumerate(tokens)}, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    made.enable_padding(length=128)
    return made


def sentences(minilm: str) -> None:
    """200 varied sentences: short, long, with accents, digits, other scripts, doubled spaces, and some of GROUND's."""
    from sentence_transformers import SentenceTransformer

    rng = random.Random(0)
    fixed = [
        "",
        "a",
        "Go!",
        "naïve café",
        "3.14159 is not 22/7",
        "猫が好きです",
        "  two   spaces ",
        "don't",
        "x " * 400,
    ]
    nouns = ("a scrubjay", "the old robot", "my neighbour", "every infant", "no machine", "the red pillar", "rain")
    verbs = ("hides", "remembers", "walks up to", "never saw", "will carry", "does not want", "dreams of")
    ends = ("a worm", "the blue stone", "what it ate yesterday", "them all", "the door, again", "music?", "1,000 cups!")
    while len(fixed) < 200:
        said = " ".join(rng.choice(part) for part in (nouns, verbs, ends))
        fixed.append(
            rng.choice((said, said.upper(), f"{said}; {rng.choice(nouns)} {rng.choice(verbs)} {rng.choice(ends)}."))
        )
    made = SentenceTransformer(minilm, device="cpu").encode(fixed, batch_size=8)
    np.savez_compressed(HERE / "sentences.npz", embeddings=made)
    (HERE / "sentences.json").write_text(json.dumps(fixed, ensure_ascii=False, indent=0) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
