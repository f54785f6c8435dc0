"""Shapes of a replay: as large as they are at every decision, and hidden where they are parked."""

from __future__ import annotations

import numpy as np
import pytest

from envs.drawing import Geom
from experiments.watch.shapes import drawn

UPRIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
RED = (1.0, 0.0, 0.0, 0.5)


def geom(name: str, kind: str, size: tuple[float, float, float], x: float = 0.3) -> Geom:
    return Geom(name, kind, size, (x, 0.1, 0.15), UPRIGHT, RED)


def body() -> Geom:
    return geom("body/trunk", "cylinder", (0.06, 0.05, 0.0))


@pytest.mark.parametrize(
    ("kind", "before", "after", "axes"),
    [
        ("box", (0.02, 0.4, 0.15), (0.02, 0.2, 0.15), (1.0, 0.5, 1.0)),
        ("cylinder", (0.10, 0.15, 0.0), (0.07, 0.15, 0.0), (0.7, 0.7, 1.0)),
        ("sphere", (0.10, 0.0, 0.0), (0.05, 0.0, 0.0), (0.5, 0.5, 0.5)),
        ("plane", (1.0, 2.0, 0.1), (1.0, 1.0, 0.1), (1.0, 0.5, 1.0)),
    ],
)
def test_a_shape_is_as_large_as_it_is_then(kind: str, before: tuple, after: tuple, axes: tuple) -> None:
    """Along its own axes: a cylinder's sizes are its radius (x, y) and half its length (z)."""
    found = drawn([[body(), geom("thing", kind, s)] for s in (after, before, after)])
    assert found["geoms"][1].size == before
    np.testing.assert_allclose(found["scales"][:, 1], [axes, (1, 1, 1), axes])
    np.testing.assert_array_equal(found["scales"][:, 0], 1.0)


def test_nothing_changes_in_size() -> None:
    found = drawn([[body(), geom("thing", "box", (0.02, 0.4, 0.15))]] * 2)
    assert found["scales"] is None
    assert found["root"] == 0


def test_what_is_parked_is_not_seen() -> None:
    """And what no geom type of the page is, is left out."""
    frames = [[geom("mesh", "mesh", (0.0, 0.0, 0.0)), body(), geom("thing", "sphere", (0.1, 0, 0), x)] for x in (50, 1)]
    found = drawn(frames)
    assert [g.name for g in found["geoms"]] == ["body/trunk", "thing"]
    np.testing.assert_allclose(found["rgba"][:, 1], [(1.0, 0.0, 0.0, 0.0), RED])
    np.testing.assert_allclose(found["poses"][1, 1], (1.0, 0.1, 0.15, 1.0, 0.0, 0.0, 0.0))
