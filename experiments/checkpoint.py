"""Checkpoints: a tree of arrays, written whole by Orbax and read back bit for bit."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
import orbax.checkpoint as ocp

from experiments.errors import RunError

Tree = TypeVar("Tree")
_PRETRAINED = "pretrained:"
logging.getLogger("absl").setLevel(logging.ERROR)


class Checkpoints:
    """The checkpoints of one run, named by the number of updates; only the newest `keep` stay.

    Orbax writes into a temporary folder and renames it, so that a half-written checkpoint is never taken for one. Its
    metadata holds a digest of every array, so that a damaged one is refused; of pretrained weights, which are not in
    it, by the module that runs them, so that it is not loaded with others.
    """

    def __init__(self, folder: Path, keep: int = 3) -> None:
        self.folder, self._keep = folder.absolute(), keep

    @cached_property
    def _manager(self) -> ocp.CheckpointManager:
        options = ocp.CheckpointManagerOptions(max_to_keep=self._keep, create=True, enable_async_checkpointing=False)
        return ocp.CheckpointManager(self.folder, options=options, item_names=("arrays", "digests"))

    def latest(self) -> int | None:
        """The newest complete checkpoint, or None."""
        return max(self.all(), default=None)

    def tidy(self) -> None:
        """Removes what a training that was killed left half-written; for those who hold the run's lock."""
        for part in self.folder.glob("*.orbax-checkpoint-tmp*"):
            shutil.rmtree(part, ignore_errors=True)

    def save(self, updates: int, tree: Any, pretrained: Mapping[str, str] | None = None) -> None:
        """Writes a checkpoint; returns when it is on disk. Raises RunError where it cannot be written.

        pretrained: SHA-256 of weights that are not in the tree, by module.
        """
        arrays = flatten(tree)
        digests = {name: digest(array) for name, array in arrays.items()}
        digests |= {_PRETRAINED + name: value for name, value in (pretrained or {}).items()}
        items = ocp.args.Composite(arrays=ocp.args.StandardSave(arrays), digests=ocp.args.JsonSave(digests))
        try:
            self._manager.save(updates, args=items, force=True)
            self._manager.wait_until_finished()
        except Exception as error:  # Orbax and TensorStore raise many kinds: full disk, no permission, lost mount
            raise RunError(
                f"{self.folder}: checkpoint {updates} could not be written: {_short(error)}. The newest complete one "
                f"is {self.latest()}. Make room, then go on with --resume {self.folder.parent}"
            ) from error

    def all(self) -> list[int]:
        """Every complete checkpoint, oldest first."""
        return sorted(self._manager.all_steps()) if self.folder.is_dir() else []  # a look makes no folder

    def load(self, like: Tree, updates: int | None = None, pretrained: Mapping[str, str] | None = None) -> Tree:
        """A checkpoint, the newest if none is named, as a tree of the shape of `like`.

        Raises RunError where there is none, it is damaged, or it was made with other weights than `pretrained`.
        """
        if updates is not None and updates not in self.all():
            known = ", ".join(map(str, self.all())) or "none"
            raise RunError(f"{self.folder} holds no complete checkpoint {updates}. There are: {known}.")
        updates = self.latest() if updates is None else updates
        if updates is None:
            raise RunError(
                f"{self.folder} holds no complete checkpoint. Train first: scrubjay train --resume {self.folder.parent}"
            )
        place = self.folder / str(updates)
        hook = _without_late_reads()
        try:
            restored = self._manager.restore(
                updates, args=ocp.args.Composite(arrays=ocp.args.StandardRestore(), digests=ocp.args.JsonRestore())
            )
        except Exception as error:  # whatever TensorStore says about truncated or foreign files
            raise RunError(_damaged(place, _short(error))) from error
        sys.unraisablehook = hook
        arrays = {name: np.asarray(array) for name, array in restored["arrays"].items()}
        digests = restored["digests"]
        wrong = [name for name, array in arrays.items() if digests.get(name) != digest(array)]
        if wrong:
            raise RunError(_damaged(place, f"the numbers of {wrong[0]} are not those that were written"))
        _check_pretrained(place, digests, pretrained or {})
        return unflatten(like, arrays, place)


def _without_late_reads() -> Callable[[Any], object]:
    """Silences reads that end when another failed and Orbax closed their event loop; returns the old hook."""
    before = sys.unraisablehook

    def hook(found: Any) -> None:
        if str(found.exc_value) != "Event loop is closed":
            before(found)

    sys.unraisablehook = hook
    return before


def _check_pretrained(place: Path, digests: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Refuses a checkpoint that was made with other pretrained weights than those that are here."""
    for name, here in found.items():
        made = digests.get(_PRETRAINED + name, here)
        if made != here:
            raise RunError(
                f"checkpoint {place} was made with other pretrained weights of module {name!r}: they had SHA-256 "
                f"{made[:16]}..., those found here have {here[:16]}.... Bring back the former ones ('scrubjay weights "
                "verify MODEL' shows what is here), or begin anew with --fresh."
            )


def _damaged(place: Path, why: str) -> str:
    return f"checkpoint {place} is damaged: {why}. Remove that folder to go back to the one before it."


def _short(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]


def digest(array: np.ndarray) -> str:
    """SHA-256 of an array's type, shape and bytes."""
    text = json.dumps([str(array.dtype), array.shape]).encode()
    return hashlib.sha256(text + np.ascontiguousarray(array).tobytes()).hexdigest()


def flatten(tree: Any) -> dict[str, np.ndarray]:
    """`{path: array}` of a tree, without its empty arrays."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    named = {jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf) for path, leaf in leaves}
    return {name: array for name, array in named.items() if array.size}


def unflatten(like: Tree, arrays: dict[str, np.ndarray], place: Path) -> Tree:
    """The tree of the shape of `like`, filled from `{path: array}`; RunError where names, shapes or types differ."""
    paths, structure = jax.tree_util.tree_flatten_with_path(like)
    expected = {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in paths}
    needed = {name for name, leaf in expected.items() if leaf.size}
    for name in sorted(needed ^ arrays.keys()):
        what = "lacks" if name in needed else "holds an unknown"
        raise RunError(
            f"checkpoint {place} {what} {name!r}: it belongs to another brain or another version of the code."
        )
    for name in sorted(needed):
        found, wanted = arrays[name], expected[name]
        if found.shape != wanted.shape or found.dtype != wanted.dtype:
            raise RunError(
                f"checkpoint {place}: {name!r} is {found.dtype}{list(found.shape)}, but the config asks for "
                f"{wanted.dtype}{list(wanted.shape)}. It belongs to another brain."
            )
    filled = [arrays[name] if name in arrays else np.zeros(leaf.shape, leaf.dtype) for name, leaf in expected.items()]
    return jax.tree.unflatten(structure, [jax.numpy.asarray(leaf) for leaf in filled])
