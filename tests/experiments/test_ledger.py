"""The ledger: its sums, its arithmetic against hand calculation, and the command that prints it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import ledger as module
from experiments.ledger import ADD, MAC, Row, ledger
from experiments.run import Run, load
from tests.experiments.conftest import Said


@pytest.fixture(scope="module")
def run(trained: Path) -> Run:
    return load(trained)


@pytest.fixture(scope="module")
def rows(run: Run) -> dict[str, Row]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BATCH", 8)
        patch.setattr(module, "WARM", 5)
        return {row.module: row for row in ledger(run, repeats=1)}


def test_a_row_per_module_and_their_sum(run: Run, rows: dict[str, Row]) -> None:
    assert list(rows) == [*run.circuit.modules, "all"]
    weights = jax.tree.leaves(run.learner().params)
    assert rows["all"].parameters == sum(np.size(x) for x in weights)
    parts = [row for name, row in rows.items() if name != "all"]
    assert rows["all"].flops == pytest.approx(sum(row.flops for row in parts))
    assert all(row.seconds > 0 and row.flops >= 0 and row.joules >= 0 for row in parts)


def test_arithmetic_of_dense_layers_by_hand(run: Run, rows: dict[str, Row]) -> None:
    """The critic: inputs x hidden + hidden x 1 multiplications with additions, and an addition per bias."""
    (inputs,), hidden = run.circuit.inputs["value"]["state"].shape, run.circuit.modules["value"].hidden
    by_hand = inputs * hidden + hidden
    assert rows["value"].flops == 2 * by_hand + hidden + 1
    assert rows["value"].joules == pytest.approx(by_hand * MAC, rel=0.04)
    assert rows["value"].spikes == rows["value"].additions == 0


def test_spikes_cost_additions() -> None:
    """A population of 4 under 3 spikes and with 2 of its own in a recurrent layer: 3 x 4 + 2 x 4 additions."""
    from flax import nnx

    from agent import Port, Ports
    from agent.spiking.lif import Lif, LifConfig

    it = Lif(LifConfig(size=4, recurrent=True), Ports(spikes=Port((5, 6), "spikes")), nnx.Rngs(0))
    arriving, own = (jnp.zeros((1, 5, n)).at[0, :k, 0].set(1.0) for n, k in ((6, 3), (4, 2)))
    additions, replaced = it.spike_driven({"spikes": arriving}, {"spikes": own})
    assert jnp.asarray(additions).tolist() == [3 * 4 + 2 * 4]
    assert replaced == 5 * 6 * 4 + 5 * 4 * 4
    assert ADD < MAC


def test_the_command(trained: Path, scrubjay: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 8)
    monkeypatch.setattr(module, "WARM", 2)
    said: Said = scrubjay("ledger", str(trained), "--repeats", "1", "--json")
    assert [row["module"] for row in json.loads(said.out)["per_decision"]][-1] == "all"
    missing: Said = scrubjay("ledger", "nowhere")
    assert missing.code == 2
    assert "nowhere" in missing.err
