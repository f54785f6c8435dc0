"""DETOUR: shortest ways against a plain search, what splits leave out, and what is counted on the way."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest

import envs
from envs import barriers
from envs.barriers import KINDS, Barrier
from envs.registry import EnvError
from envs.scene import Pose
from envs.senses.retina import Retina
from envs.tasks.detour import SPLITS, Detour

BODY = envs.bodies()["roller"]()


def drawn(split: str, number: int = 500) -> Any:
    task = Detour(split=split)
    keys = jax.random.split(jax.random.key(5), number)
    return jax.device_get(jax.jit(jax.vmap(lambda key: task.reset(key, BODY)))(keys))


def one(tree: Any, index: int) -> Any:
    return jax.tree.map(lambda leaf: jnp.asarray(leaf[index]), tree)


def straight(length: float, clear: bool = False) -> Barrier:
    return Barrier(
        jnp.int32(KINDS.index("straight")),
        jnp.full(2, length / 2),
        jnp.zeros(2),
        jnp.float32(0.4),
        jnp.float32(0.0),
        jnp.bool_(clear),
        jnp.float32(0.0),
    )


def test_the_way_around_a_straight_panel_by_hand() -> None:
    """Three straight pieces: to the corner 9 cm before the panel and 9 cm beside its end, along it, and to the food."""
    length, _ = barriers.ways(straight(0.8), jnp.array([-0.5, 0.0]), jnp.array([0.2, 0.0]), 0.08, 0.08)
    aside = 0.4 + 0.01 + 0.08
    by_hand = np.hypot(0.5 - 0.09, aside) + 0.18 + np.hypot(0.2 - 0.09, aside)
    np.testing.assert_allclose(length, by_hand, atol=5e-3)  # corners lie 1 mm further out


def free(one: np.ndarray, two: np.ndarray, boxes: np.ndarray) -> bool:
    """Whether no point of a straight way, of 400, lies in a box."""
    points = one + (two - one) * np.linspace(0, 1, 400)[:, None]
    inside = ((points[:, None] > boxes[:, 0] + 1e-4) & (points[:, None] < boxes[:, 1] - 1e-4)).all(-1)
    return not inside.any()


@pytest.mark.parametrize("split", ["train", "transparent", "longer", "shortcut"])
def test_shortest_ways_against_a_plain_search(split: str) -> None:
    """The shorter of the two ways is that of Dijkstra's algorithm over all corners at once, its edges tried point by
    point."""
    state, start = drawn(split, 20)
    for n in range(len(state.time)):
        barrier = one(state.barrier, n)
        here, food = (np.asarray(barriers.local(barrier, x)) for x in (start.position[n], state.food[n]))
        boxes = np.asarray(barriers.obstacles(barrier, 0.08))
        boxes = boxes[(boxes[:, 0] < boxes[:, 1]).all(1)]
        places = [
            here,
            food,
            *(np.array([x, y]) for b in boxes for x in (b[0, 0], b[1, 0]) for y in (b[0, 1], b[1, 1])),
        ]
        graph = nx.Graph()
        for i, j in combinations(range(len(places)), 2):
            if free(places[i], places[j], boxes):
                graph.add_edge(i, j, weight=float(np.linalg.norm(places[i] - places[j])))
        searched = nx.dijkstra_path_length(graph, 0, 1) - 0.07 - 0.06 - 0.01
        assert state.shortest[n].min() == pytest.approx(searched, abs=0.01)


def test_barriers_of_training_and_test_differ() -> None:
    found = {split: drawn(split)[0].barrier for split in SPLITS}
    kinds = {split: {KINDS[k] for k in barrier.kind} for split, barrier in found.items()}
    assert kinds == {split: set(SPLITS[split].kinds) for split in SPLITS}
    u, panel = KINDS.index("u"), KINDS.index("straight")
    train = found["train"]
    assert not train.clear[train.kind == u].any()
    assert 0.3 < train.clear[train.kind == panel].mean() < 0.7
    assert found["transparent"].clear.all()
    longest = lambda b: (b.arms[b.kind == u].max(), b.reach[b.kind == panel].sum(-1).max())  # noqa: E731
    assert longest(train)[0] <= 0.45
    assert longest(train)[1] <= 0.9
    longer = found["longer"]
    assert longer.arms[longer.kind == u].min() >= 0.45
    assert longer.reach[longer.kind == panel].sum(-1).min() >= 0.9
    assert not found["shortcut"].clear.any()  # which way is the shorter one is to be seen
    # in training a panel may lie to one side; elsewhere one way is much the longer only where that is asked
    ratio = {s: np.divide(*np.sort(drawn(s)[0].shortest, -1).T[::-1]) for s in ("train", "longer", "shortcut")}
    assert ratio["longer"].max() < 1.25 < ratio["shortcut"].min()
    assert ratio["shortcut"][found["shortcut"].kind == panel].min() > 1.4
    assert 0.2 < (ratio["train"] > 1.15).mean() < 0.5
    assert ratio["train"].max() < 2.0


def test_all_stands_inside_and_the_body_starts_in_front() -> None:
    for split in SPLITS:
        state, start = drawn(split)
        scene = jax.vmap(Detour(split=split).scene)(state)
        there = np.abs(scene.panels.position).max(-1) < 10
        reach = np.linalg.norm(scene.panels.position, axis=-1) + scene.panels.half_length
        assert not there.any() or reach[there].max() < 0.9
        x = jax.vmap(barriers.local)(state.barrier, start.position)[:, 0]
        assert np.asarray(x).max() <= -0.45
        assert (state.shortest < 3).all()  # there is a way on either side


def test_food_is_seen_through_glass_and_window_only() -> None:
    """The ray straight ahead meets the food behind a transparent panel and behind the gap of an opaque one."""
    task, retina = Detour(), Retina(rays=33)
    state, _ = one(drawn("train", 1), 0)
    for clear, window, seen in ((True, 0.0, True), (False, 0.04, True), (False, 0.0, False)):
        barrier = straight(0.6, clear)._replace(window=jnp.float32(window))
        food = jnp.array([0.2, 0.0])
        pose = Pose(jnp.array([-0.5, 0.0]), jnp.float32(0), jnp.zeros(2), jnp.float32(0))
        look = retina.look(pose, task.scene(state._replace(barrier=barrier, food=food)))
        assert (float(look.depth[0, 16]) == pytest.approx(0.7 - 0.07, abs=1e-3)) == seen
        green = float(look.colour[1][0, 16] - look.colour[0][0, 16])
        assert (green > 0.5) == seen
    assert 2 * BODY.radius > 2 * 0.04  # no body comes through


class Walk:
    """A barrier passed by poses alone."""

    def __init__(self, barrier: Barrier) -> None:
        self.task = Detour()
        state, _ = one(drawn("train", 1), 0)
        here, food = jnp.array([-0.5, 0.0]), jnp.array([0.2, 0.0])
        self.state = state._replace(barrier=barrier, food=food, last=here, shortest=jnp.array([1.2, 1.4]))
        self._step = jax.jit(lambda s, p: self.task.step(s, p, None, None, None, BODY))  # type: ignore[arg-type]

    def to(self, *places: tuple[float, float]) -> dict[str, Any]:
        for place in places:
            pose = Pose(jnp.array(place), jnp.float32(0), jnp.zeros(2), jnp.float32(0))
            outcome = self._step(self.state, pose)
            self.state = outcome.state
            self.ended = bool(outcome.ended)
        return {name: np.asarray(value)[None] for name, value in self.task.record(self.state).items()}


def test_a_way_around() -> None:
    walk = Walk(straight(0.8, clear=True))
    record = walk.to((-0.1, 0.5), (0.1, 0.5), (0.2, 0.12))
    assert walk.ended
    assert record["reached"][0]
    driven = np.hypot(0.4, 0.5) + 0.2 + np.hypot(0.1, 0.38)
    assert record["ratio"][0] == pytest.approx(driven / 1.2, abs=1e-5)
    found = Detour().measures(record)
    assert (found["success"], found["inhibition"], found["shorter_side"]) == (1, 1, 1)
    assert Detour().measures({**record, "ratio": np.array([1.51])})["success"] == 0


def test_pressing_at_the_glass() -> None:
    walk = Walk(straight(0.8, clear=True))
    found = Detour().measures(walk.to((-0.075, 0.0), (-0.1, -0.5), (0.1, -0.5), (0.2, -0.12)))
    assert (found["success"], found["inhibition"], found["shorter_side"]) == (1, 0, 0)
    away = Walk(straight(0.8, clear=True)).to((-0.5, 0.3))
    found = Detour().measures(away)
    assert (found["success"], found["inhibition"]) == (0, 0)  # never behind it is not inhibition
    assert np.isnan(found["shorter_side"])
    opaque = Detour().measures(Walk(straight(0.8)).to((-0.075, 0.0)))
    assert np.isnan(opaque["inhibition"])


def test_stored_ends() -> None:
    ends = envs.baseline("detour")
    assert ends.policies["straight"]["mean"] < 0.05
    assert ends.oracle > 0.95


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"split": "transparant"}, "no choice of detour.split 'transparant'. Did you mean 'transparent'?"),
        ({"tint": 1.0}, "detour.tint is 1.0"),
        ({"look": 91.0}, "detour.look is 91.0 degrees; 0 to 90 are wanted"),
        ({"horizon": 0}, "detour.horizon is 0"),
    ],
)
def test_mistakes(options: dict[str, Any], text: str) -> None:
    with pytest.raises(EnvError) as caught:
        Detour(**options)
    assert text in str(caught.value)


def test_a_part_of_episodes_has_nothing_in_the_way() -> None:
    """As many as are asked for, with the straight way as the shortest and no panel; the others are as without them."""
    task, plain = Detour(open=0.4), Detour()
    keys = jax.random.split(jax.random.key(5), 2000)
    state, same = (jax.jit(jax.vmap(lambda key, t=t: t.reset(key, BODY)[0]))(keys) for t in (task, plain))
    empty = np.asarray(state.barrier.kind) == KINDS.index("open")
    np.testing.assert_allclose(empty.mean(), 0.4, atol=0.04)
    np.testing.assert_array_equal(np.asarray(state.barrier.kind)[~empty], np.asarray(same.barrier.kind)[~empty])
    straight = np.linalg.norm(np.asarray(state.food - state.last), axis=1) - 0.07 - BODY.radius - task.reach
    np.testing.assert_allclose(np.asarray(state.shortest).min(1)[empty], straight[empty], atol=1e-5)
    shown = jax.vmap(task.scene)(state).panels
    assert bool((jnp.abs(shown.position[empty]) > 2.0).any(-1).all())
    assert "success_open" in task.measures({n: np.asarray(v) for n, v in jax.vmap(task.record)(state).items()})
    assert not task.comparable
    with pytest.raises(EnvError, match=r"detour\.open is 2\.0; it is a part of all episodes"):
        Detour(open=2.0)
