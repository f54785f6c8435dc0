"""What the recorder takes from a run: every signal by its rank, and no more units than are drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.ports import Port
from experiments.run import load
from experiments.scores import Score
from experiments.watch import record as module
from experiments.watch.record import record


def test_signals_are_recorded_by_their_rank(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One number goes to `signals`, a row of units to `traces`, each n-th of many; what has more axes is left out."""
    run = load(trained)
    frames = [f for f in module._frames(run, 1, 0) if not f.last]
    monkeypatch.setattr(module, "_frames", lambda *_: iter(frames))
    monkeypatch.setattr(module, "evaluate", lambda *_: {"forage": Score(0.5, 0.4, 0.6, 5.0, 0.0, 10.0, 4)})
    monkeypatch.setattr(module, "UNITS", 8)
    trace = record(run)
    slots = run.circuit.modules["hippocampus"].slots
    assert list(trace.signals) == ["hippocampus.match"]
    assert set(trace.traces) == {"v1.membrane", "hippocampus.weights"}
    assert trace.strides == {"hippocampus.weights": slots // 8}
    np.testing.assert_array_equal(trace.traces["v1.membrane"], [f.ports["v1.membrane"] for f in frames])
    weights = np.array([f.ports["hippocampus.weights"] for f in frames])
    np.testing.assert_array_equal(trace.traces["hippocampus.weights"], weights[:, :: slots // 8])
    before = run.circuit.port
    square = {"v1.membrane": Port((4, 2), "signal"), "hippocampus.match": Port((), "signal")}
    monkeypatch.setattr(type(run.circuit), "port", lambda _, place: square.get(place) or before(place))
    trace = record(run)
    assert "v1.membrane" not in trace.traces
    assert list(trace.signals) == ["hippocampus.match"]
