"""`scrubjay nir`: a trained population leaves, comes back, and moves the body as it did."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.experiments.conftest import TINY, Said

FILES = Path(__file__).parents[1] / "agent" / "nir"


def test_a_trained_population_is_exchanged(scrubjay: Callable[..., Said], tmp_path: Path) -> None:
    run, file = str(tmp_path / "run"), str(tmp_path / "v1.nir")
    options = ("agent.modules.v1.norm=false", "total_decisions=64")
    assert scrubjay("train", *TINY, *options, "--run", run, "--json").code == 0
    told = scrubjay("nir", run, "v1", "-o", file)
    assert told.code == 0
    assert "neurons          LIF        [8]" in told.out
    own = json.loads(scrubjay("evaluate", run, "--episodes", "8", "--json").out)
    swapped = json.loads(scrubjay("evaluate", run, "--episodes", "8", "--json", "--swap", f"v1={file}").out)
    assert swapped == own
    other = scrubjay("evaluate", run, "--episodes", "8", "--swap", f"v1={FILES / 'norse.nir'}")
    assert other.code == 2
    assert "node 'input' of" in other.err


def test_what_cannot_be_exchanged(scrubjay: Callable[..., Said], trained: Path, tmp_path: Path) -> None:
    for words, said in (
        (("nir", str(trained), "v1"), "module 'v1': NIR has no words for norm=True of this population."),
        (("nir", str(trained), "hippocampus"), "EpisodicMemory: NIR has no node for it."),
        (("nir", str(trained), "motr"), "no module 'motr'. Did you mean 'motor'?"),
        (("nir", str(trained)), "is a directory. Name the module to write too"),
        (("nir", "nowhere.nir"), "there is no file 'nowhere.nir'."),
        (("nir", str(trained / "config.yaml")), "cannot be read as a NIR graph"),
        (("evaluate", str(trained), "--swap", "v1"), "'v1' is not MODULE=FILE"),
        (("evaluate", str(trained), "--swap", "v7=a.nir"), "--swap v7=a.nir: no module 'v7'."),
        (("graph", "agent/v1=nir", "-o", str(tmp_path / "g.json")), "agent.modules.v1: there is no file"),
    ):
        told = scrubjay(*words)
        assert told.code == 2, words
        assert said in told.err, told.err


def test_a_file_is_shown(scrubjay: Callable[..., Said]) -> None:
    told = scrubjay("nir", str(FILES / "snntorch.nir"))
    assert "3.w_rec          Affine     [5]              from outside  from the tick before: 3.lif" in told.out
    shown = json.loads(scrubjay("nir", str(FILES / "snntorch.nir"), "--json").out)
    assert shown["nodes"]["5"] == {"type": "CubaLIF", "shape": [4], "from": ["4"], "late": []}
