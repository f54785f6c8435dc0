"""What a confidence is worth, against numbers computed by hand and against counting pairs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.errors import ConfigError
from experiments.confidence import auroc, calibration_error, confidence, outcomes
from experiments.run import load

SURE = np.array([0.95, 0.9, 0.8, 0.35, 0.3, 0.3])
RIGHT = np.array([True, True, False, True, False, False])


def test_calibration_error_by_hand() -> None:
    """Bins of a half: right 1/3 where it says 0.95 / 3 (0.35 + 0.3 + 0.3), 2/3 where it says 2.65 / 3.

    (3/6) |1/3 - 0.31667| + (3/6) |2/3 - 0.88333| = 0.00833 + 0.10833 = 0.11667.
    """
    assert calibration_error(SURE, RIGHT, bins=2) == pytest.approx(0.116667, abs=1e-6)
    assert calibration_error(np.array([1.0, 0.0]), np.array([True, False])) == 0.0
    assert calibration_error(np.array([1.0, 0.0]), np.array([False, True])) == 1.0


def test_auroc_by_hand_and_by_counting_pairs() -> None:
    """Right at 0.95, 0.9, 0.35, wrong at 0.8, 0.3, 0.3: of nine pairs only (0.35, 0.8) is the wrong way round."""
    assert auroc(SURE, RIGHT) == pytest.approx(8 / 9)
    assert auroc(np.full(4, 0.5), np.array([True, False, True, False])) == 0.5
    assert math.isnan(auroc(np.ones(3), np.ones(3, bool)))
    rng = np.random.default_rng(0)
    right, sure = rng.random(200) < 0.6, np.round(rng.random(200), 1)
    gaps = sure[right][:, None] - sure[~right][None]
    assert auroc(sure, right) == pytest.approx(float(((gaps > 0) + 0.5 * (gaps == 0)).mean()))


def test_a_decision_is_right_if_the_first_reward_is() -> None:
    """The rewards that the module is shown in tests/agent/test_meta.py, here from the decision they follow."""
    reward = np.array([[0.0], [1.0], [0.0], [0.0], [0.0], [-1.0], [0.0], [0.0]])
    right, known = outcomes(reward, np.ones((8, 1), bool), horizon=3)
    assert known[:, 0].tolist() == [True, True, True, True, True, True, False, False]
    assert right[:, 0].tolist() == [True, True, False, False, False, False, False, False]
    counts = np.arange(8)[:, None] < 5
    right, known = outcomes(reward, counts, horizon=3)
    assert known[:, 0].tolist() == [True, True, True, False, False, False, False, False], "the episode ended before"


def test_a_port_that_is_no_confidence_is_named(trained: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"--confidence value\.value: that port sends value\[\], and its module does not"
    ):
        confidence(load(trained), "value.value")
    with pytest.raises(ConfigError, match=r"Did you mean 'value\.value'\?"):
        confidence(load(trained), "value.valeu")


@pytest.mark.slow
def test_the_command_judges_a_trained_brain(scrubjay: Callable[..., Any], tmp_path: Path) -> None:
    tiny = ["learning.environments=4", "learning.steps=4", "learning.minibatches=2", "learning.epochs=1"]
    brain = [f"agent.modules.{m}" for m in ("retina.width=8", "prefrontal.size=8", "association.width=8")]
    known = "agent.modules.value={kind: critic, hidden: 8}"
    run = str(tmp_path / "run")
    losses = "learning.losses={insula.confidence_loss: 1.0}"
    wires = _wires()
    made = scrubjay("train", "agent=gru", *tiny, *brain, known, "agent.modules.insula={kind: confidence, hidden: 4}",
                    wires, losses, "task.horizon=40", "total_decisions=16", "--run", run)  # fmt: skip
    assert made.code == 0, made.err
    found = json.loads(scrubjay("evaluate", run, "--confidence", "insula.confidence", "--episodes", "4", "--json").out)
    assert found["decisions"] > 0
    assert 0.0 <= found["calibration_error"] <= 1.0


def _wires() -> str:
    """The wires of `agent=gru`, and two more."""
    from experiments.config import composed

    wires = [
        *composed(["agent=gru"])["agent"]["wires"],
        "prefrontal.state -> insula.state",
        "body.reward -> insula.reward",
    ]
    return "agent.wires=[" + ",".join(f"'{w}'" for w in wires) + "]"
