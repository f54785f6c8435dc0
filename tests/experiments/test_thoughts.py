"""Plans become places and recalls become moments, found by their ports."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import numpy as np

from agent.circuit import Circuit
from agent.ports import Port, Ports
from experiments.watch.thoughts import ahead, plans, recalls


class Seen(NamedTuple):
    pose: np.ndarray
    first: bool
    ports: dict[str, np.ndarray]
    episodes: dict[str, int]


def brain(**modules: Ports) -> Circuit:
    return cast(Circuit, SimpleNamespace(outputs=modules))


def frame(first: bool = False, episodes: int = 0, **ports: Any) -> Seen:
    named = {name.replace("__", "."): np.asarray(value) for name, value in ports.items()}
    return Seen(np.array([1.0, 2.0, np.pi / 2]), first, named, {"store": episodes})


def test_a_plan_is_followed_from_where_the_body_is() -> None:
    """Facing north: 1 m/s ahead goes north, 1 m/s to the left goes west; a full turn ends where it began."""
    straight = ahead(np.array([1.0, 2.0, np.pi / 2]), np.tile([1.0, 0.0, 0.0], (5, 1)), dt=0.1)
    np.testing.assert_allclose(straight[-1], [1.0, 2.5, np.pi / 2], atol=1e-12)
    left = ahead(np.array([1.0, 2.0, np.pi / 2]), np.tile([0.0, 1.0, 0.0], (5, 1)), dt=0.1)
    np.testing.assert_allclose(left[-1], [0.5, 2.0, np.pi / 2], atol=1e-12)
    turn = 2 * np.pi / (100 * 0.1)
    circle = ahead(np.zeros(3), np.tile([0.5, 0.0, turn], (100, 1)), dt=0.1)
    np.testing.assert_allclose(circle[-1], [0.0, 0.0, 2 * np.pi], atol=1e-9)
    np.testing.assert_allclose(np.hypot(circle[:, 0], circle[:, 1] - 0.5 / turn), 0.5 / turn, rtol=1e-3)


def test_a_planner_is_found_by_its_path() -> None:
    path, other = Port((2, 3)), Port((2, 3, 1))
    circuit = brain(body=Ports(), eye=Ports(path=other), dreamer=Ports(path=path, planned=Port((), "signal")))
    ahead_of_it = np.tile([1.0, 0.0, 0.0], (2, 1))
    found = plans(circuit, [frame(dreamer__path=ahead_of_it, dreamer__planned=p) for p in (1.0, 0.0)])
    assert found is not None
    np.testing.assert_allclose(found[0, :, 1], [2.0, 2.1, 2.2])
    assert np.isnan(found[1]).all()
    assert plans(brain(eye=Ports(path=other)), [frame()]) is None


def test_recalls_are_found_by_their_ports() -> None:
    """Two recorded episodes, of two decisions and one; two came before them, as the store counts."""
    store = Ports(weights=Port((3,)), recalled=Port((3,), "index", "int32"), episode=Port((3,), "index", "int32"))
    row = {"store__recalled": [1, 0, -1], "store__episode": [3, 2, -1]}
    frames = [
        frame(True, 2, store__weights=[0.0, 0.0, 1.0], **row),
        frame(False, 2, store__weights=[0.0, 0.0, 1.0], **row),
        frame(True, 3, **{**row, "store__weights": [0.02, 0.7, 0.0]}),
        frame(False, 3, store__weights=[0.6, 0.3, 0.0], store__recalled=[0, 7, -1], store__episode=[3, 0, -1]),
    ]
    here, distant = recalls(brain(store=store), frames, 0.1 * np.arange(4))
    np.testing.assert_allclose(here, [[0.2, 0.0, 0.7], [0.3, 0.2, 0.6]])
    np.testing.assert_allclose(distant, [[0.3, -2, 0.7, 0.3]])


def test_a_store_of_one_episode_needs_no_numbers() -> None:
    store = Ports(weights=Port((2,)), recalled=Port((2,), "index", "int32"))
    frames = [frame(k == 0, other__weights=[0.5, 0.0], other__recalled=[0, -1]) for k in range(2)]
    here, distant = recalls(brain(other=store), frames, np.array([0.0, 0.1]))
    np.testing.assert_allclose(here, [[0.0, 0.0, 0.5], [0.1, 0.0, 0.5]])
    assert distant.shape == (0, 4)
