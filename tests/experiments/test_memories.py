"""Memories on disk: bit for bit there and back, searched, taken up by a store, and refused where they do not fit."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from flax import nnx

from agent.build import module_config
from agent.module import IMPLEMENTATIONS
from agent.ports import Port, Ports
from experiments.errors import RunError
from experiments.memories import Memories, filled, read, save, search

BATCH, SLOTS, KEY, VALUE = 3, 5, 4, 6


def store(**options: Any) -> Any:
    problems: list[str] = []
    options = {"kind": "episodic_memory", "slots": SLOTS, "features": KEY, "life": True, **options}
    config = module_config(options, "it", problems)
    assert config is not None, problems
    ports = Ports(key=Port((KEY,)), value=Port((VALUE,)), reward=Port((1,)))
    return jax.eval_shape(lambda: IMPLEMENTATIONS[type(config)](config, ports, nnx.Rngs(0)))


def memories(rows: int = 7) -> Memories:
    random = np.random.default_rng(0)
    where = random.permutation(BATCH * SLOTS)[:rows]
    columns: dict[str, np.ndarray] = {"environment": where // SLOTS, "slot": where % SLOTS}
    columns |= {n: random.integers(0, 99, rows) for n in ("decision", "episode", "born")}
    columns = {name: x.astype(np.int32) for name, x in columns.items()}
    shapes = {"key": (KEY,), "value": (VALUE,), "reward": (), "recalls": ()}
    columns |= {n: random.standard_normal((rows, *shape), dtype=np.float32) for n, shape in shapes.items()}
    columns["value"][0, 0] = np.nan  # bits, not numbers, are kept
    return Memories(columns, {n: np.arange(BATCH, dtype=np.int32) for n in ("now", "lived", "episodes")}, SLOTS)


def test_there_and_back_to_the_bit(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    before, after = memories(), read(save(memories(), tmp_path / "new" / "some.parquet"))
    assert (after.slots, after.columns.keys()) == (SLOTS, before.columns.keys())
    for name, x in before.columns.items():
        assert (after.columns[name].dtype, after.columns[name].tobytes()) == (x.dtype, x.tobytes()), name
    for name, x in before.counts.items():
        np.testing.assert_array_equal(after.counts[name], x)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["some.parquet"]


def test_a_store_takes_them_up(tmp_path: Path) -> None:
    box, held = store(), memories()
    state = filled(box.initial(BATCH), box.initial(BATCH), held, "runs/x")
    rows = (held.columns["environment"], held.columns["slot"])
    np.testing.assert_array_equal(np.asarray(state["keys"])[rows], held.columns["key"])
    np.testing.assert_array_equal(np.asarray(state["written"])[rows], held.columns["decision"])
    assert int((state["written"] >= 0).sum()) == 7
    assert state["episodes"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"slots": 2}, "use 5 slots, but runs/x has 3 and 2. Set learning.environments"),
        ({"features": 9}, "the memories hold [4] as 'key' of a moment, but the store of runs/x holds [9]."),
        ({"evict": "lowest_priority"}, ""),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], said: str) -> None:
    if not said:
        with pytest.raises(ValueError, match="needs its input 'priority'"):
            store(**options).config.ports(store().inputs)
        return
    box = store(**options)
    with pytest.raises(RunError, match=re.escape(said)):
        filled(box.initial(BATCH), box.initial(BATCH), memories(BATCH * SLOTS), "runs/x")


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    whole = save(memories(), tmp_path / "whole.parquet").read_bytes()
    for name, content in {"short": whole[:-100], "empty": b"", "text": b"hello"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RunError, match="is damaged, or another kind of file"):
            read(tmp_path / name)
    importlib.import_module("pyarrow.parquet").write_table(pa.table({"x": [1]}), tmp_path / "other.parquet")
    with pytest.raises(RunError, match="another kind of file"):
        read(tmp_path / "other.parquet")
    with pytest.raises(RunError, match="no memories at"):
        read(tmp_path / "nowhere.parquet")


def test_without_the_extra_the_remedy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(RunError, match=r"pyarrow is not there .* pip install 'scrubjay\[life\]'"):
        read(tmp_path / "x.parquet")


def test_search_finds_the_most_alike_among_those_that_are_kept() -> None:
    held = memories()
    keys = held.columns["key"]
    order = [r for r in np.argsort(-(keys @ keys[2])) if r != 2]
    rows, likeness = search(held, 2, 3)
    assert rows.tolist() == order[:3]
    np.testing.assert_allclose(likeness, (keys @ keys[2])[order[:3]], rtol=1e-5)
    keep = np.ones(7, bool)
    keep[order[0]] = False
    assert search(held, 2, 99, keep)[0].tolist() == order[1:]
    with pytest.raises(RunError, match="there are 7 moments, from 0 to 6"):
        search(held, 7, 3)
