"""The whole brain of `experiment=wayfinding` before barriers that it never met."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from experiments.config import composed, experiment
from experiments.evaluate import measure, player
from experiments.run import Run


@pytest.mark.parametrize(("asks", "least", "most"), [(10.0, 0.6, 1.0), (-10.0, 0.0, 0.0)])
def test_a_brain_that_knows_but_what_is_good_finds_a_way_round_glass(asks: float, least: float, most: float) -> None:
    """Nothing was learned here, barriers least of all; green is made good by hand. Without plans it stays outside."""
    gate = [f"agent.modules.controller.gate={asks}"]
    run = Run(Path("runs/jay"), experiment(composed(["experiment=wayfinding", "task.split=transparent", *gate])))
    params = run.circuit.init(jax.random.key(0))
    params["orbitofrontal"]["worth"] = jnp.tile(jnp.array([-1.0, 2.0, -1.0]), 2)
    measured = measure(run, player(run, 16)(params, {}))
    assert least <= measured["success"].mean <= most
    assert measured["inhibition"].mean == 0.0  # glass is not seen to be one
