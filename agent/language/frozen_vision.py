"""Pixels as a frozen pretrained vision transformer sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from agent.config import option
from agent.language import pixels, pretrained
from agent.language.families import Read
from agent.language.weights import WeightsError
from agent.layers import dense, standard
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register

CHANNELS = 3  # R, G, B


@register("frozen_vision")
@dataclass(frozen=True)
class FrozenVisionConfig:
    """A ViT (Dosovitskiy et al. 2021) or CLIP's vision half (Radford et al. 2021), frozen, and a trained readout.

    An image is resized and normalised as the model's preprocessor config says. Its first three channels are taken for
    R, G and B in 0..1, as the senses `camera` (mode rgb) and `retina` give them. No gradient reaches the image.
    """

    inputs: ClassVar = {"image": Input("one", rank=3)}
    width: int = option(64, "units of the code", low=1)
    model: str = option(
        "openai/clip-vit-base-patch32", "a vit or clip: owner/name in the Hugging Face cache, or a directory"
    )
    seed: int = option(0, "of weights that are not pretrained", low=0)
    pretrained: bool = option(True, "false: random weights of the frozen transformer: a control")

    def ports(self, inputs: Ports) -> Ports:
        height, width, channels = inputs["image"].shape
        if channels < CHANNELS:
            raise ValueError(f"the image has {channels} channels, but R, G and B are wanted. Set camera.mode to rgb.")
        wanted = self.settings["image_size"]
        shape = jax.eval_shape(self.prepare, jax.ShapeDtypeStruct((1, height, width, CHANNELS), jnp.float32)).shape
        if shape[2:] != (wanted, wanted):
            raise ValueError(
                f"{pixels.FILE} of {self.model!r} makes {shape[2]} x {shape[3]} pixels of {height} x {width}, but its "
                f"config.json asks for {wanted} x {wanted}."
            )
        tokens = (wanted // self.settings["patch_size"]) ** 2 + 1
        return Ports(code=Port((self.width,)), tokens=Port((tokens, self.settings["hidden_size"]), "tokens"))

    @property
    def transformer(self) -> pretrained.Pretrained:
        found = pretrained.load(self.model, pretrained=self.pretrained, seed=self.seed)
        if found.family not in ("vit", "clip"):
            raise WeightsError(
                f"model {self.model!r} is a {found.family}, which sees no pixels; what is wanted is a vit or a clip, "
                "such as 'openai/clip-vit-base-patch32' or 'google/vit-base-patch16-224'."
            )
        return found

    @property
    def settings(self) -> Any:
        """Of the half that sees."""
        config = self.transformer.config
        return config["vision_config"] if self.transformer.family == "clip" else config

    @property
    def prepare(self) -> pixels.Preprocess:
        return pixels.read(self.transformer.path, self.transformer.family)


class FrozenVision(Module[FrozenVisionConfig]):
    """Outputs: `code`, of the image's embedding; `tokens`, the last hidden states, the class token first."""

    def __init__(self, config: FrozenVisionConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        whole = config.transformer
        self.frozen = whole.module.vision if whole.family == "clip" else whole.module
        size = whole.config.get("projection_dim", 512) if whole.family == "clip" else config.settings["hidden_size"]
        self.readout = dense(size, config.width, rngs, gain=1.0)

    @property
    def digest(self) -> str:
        return self.config.transformer.digest

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        read: Read = self.frozen(self.config.prepare(jax.lax.stop_gradient(inputs["image"][..., :CHANNELS])))
        return state, {"code": self.readout(standard(read.output)), "tokens": read.last}
