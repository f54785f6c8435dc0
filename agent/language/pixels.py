"""How a pretrained model wants its pixels: the `preprocessor_config.json` of Hugging Face, in JAX."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.image
import jax.numpy as jnp

from agent.language.weights import WeightsError

FILE = "preprocessor_config.json"
_METHODS = {0: "nearest", 1: "lanczos3", 2: "linear", 3: "cubic"}
"""By the numbers that PIL has for them."""


@dataclass(frozen=True)
class Preprocess:
    """Resize, cut out the middle, scale and normalise, in this order; an empty size leaves a step out."""

    size: tuple[int, ...]  # height and width, or the shorter side
    crop: tuple[int, ...]  # height and width
    method: str
    scale: float  # of pixels in 0..1
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __call__(self, image: jax.Array) -> jax.Array:
        """`[B, H, W, 3]` in 0..1 -> `[B, 3, h, w]`."""
        batch, height, width, channels = image.shape
        if self.size:
            shape = self.size if len(self.size) == 2 else shorter(height, width, self.size[0])
            image = jax.image.resize(image, (batch, *shape, channels), self.method)
        if self.crop:
            image = _middle(image, *self.crop)
        shift, deviation = jnp.array(self.mean), jnp.array(self.deviation)
        normal = (image * self.scale - shift[None, None, None]) / deviation[None, None, None]
        return normal.transpose(0, 3, 1, 2)


def shorter(height: int, width: int, size: int) -> tuple[int, int]:
    """Height and width of an image whose shorter side is made `size`."""
    if height <= width:
        return size, int(size * width / height)
    return int(size * height / width), size


def _middle(image: jax.Array, height: int, width: int) -> jax.Array:
    """The middle of an image; zeros around it where it is too small."""
    more = (max(height - image.shape[1], 0), max(width - image.shape[2], 0))
    image = jnp.pad(image, ((0, 0), *((each // 2, (each + 1) // 2) for each in more), (0, 0)))
    top, left = (image.shape[1] - height) // 2, (image.shape[2] - width) // 2
    return image[:, top : top + height, left : left + width]


def read(path: Path, family: str) -> Preprocess:
    """What the file of a directory asks for; WeightsError where it is missing, or asks for what is not known here."""
    file = path / FILE
    try:
        told: Any = json.loads(file.read_text(encoding="utf-8"))
        return _preprocess(told, family)
    except OSError as error:
        raise WeightsError(
            f"{path} holds no {FILE}, which says how pixels are normalised. Get the model anew."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{file} cannot be used: {error!r}. Take it from the model's page.") from error


def _preprocess(told: Mapping[str, Any], family: str) -> Preprocess:
    resized, cropped = told.get("do_resize", True), told.get("do_center_crop", family == "clip")
    normal = told.get("do_normalize", True)
    return Preprocess(
        _size(told["size"], family) if resized else (),
        _size(told.get("crop_size", told["size"]), "") if cropped else (),
        _METHODS[told.get("resample", 3 if family == "clip" else 2)],
        255 * told.get("rescale_factor", 1 / 255) if told.get("do_rescale", True) else 255.0,
        tuple(told["image_mean"]) if normal else (0.0, 0.0, 0.0),
        tuple(told["image_std"]) if normal else (1.0, 1.0, 1.0),
    )


def _size(told: Any, family: str) -> tuple[int, ...]:
    """One number is a square, but for CLIP, which means the shorter side."""
    if isinstance(told, int):
        return (told,) if family == "clip" else (told, told)
    if "shortest_edge" in told:
        return (told["shortest_edge"],)
    return (told["height"], told["width"])
