"""The way around what is in the way: by hand and by networkx."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest
from flax import nnx

from agent.meta.arbiter import Arbiter, ArbiterConfig
from agent.motor import policy
from agent.planning.driving import next_point
from agent.planning.wayfinder import FAR, NEIGHBOURS, Wayfinder, WayfinderConfig, distances
from agent.ports import Port, Ports
from tests.agent.parts import keys, pose


def test_distances_are_those_of_dijkstra() -> None:
    rng = np.random.default_rng(0)
    config = WayfinderConfig(cell=0.05, wall=5.0, margin=0.5)
    blocked = (rng.random((3, 12, 9)) < 0.25).astype(np.float32)
    goals = np.array([[0, 0], [11, 8], [5, 4]])
    rest, toll = jax.jit(lambda b, g: distances(b, g, config))(blocked, goals)
    for number, goal in enumerate(goals):
        graph = nx.DiGraph()
        for x, y in np.ndindex(12, 9):
            for i, j in NEIGHBOURS:
                to = x + i, y + j
                if 0 <= to[0] < 12 and 0 <= to[1] < 9:
                    square = blocked[number, max(to[0] - 1, 0) : to[0] + 2, max(to[1] - 1, 0) : to[1] + 2]
                    extra = 5.0 if blocked[number][to] else 0.5 * bool(square.any())
                    assert float(toll[number][to]) == pytest.approx(extra)
                    graph.add_edge((x, y), to, weight=0.05 * np.hypot(i, j) + extra)
        lengths = nx.shortest_path_length(graph.reverse(), tuple(goal.tolist()), weight="weight")
        for place, length in lengths.items():
            assert float(rest[number][place]) == pytest.approx(length, abs=1e-4)


def planner(**options: Any) -> Wayfinder:
    sizes = {"blocked": Port((48, 48)), "pose": Port((4,)), "goal": Port((3,)), "action": Port((3,))}
    return Wayfinder(WayfinderConfig(**options), Ports(sizes), nnx.Rngs(0))


def test_a_plan_goes_round_a_wall_on_the_shorter_side() -> None:
    """A body that does as it is told gets there without entering the wall."""
    it = planner(pace=0.35)
    wall = np.zeros((1, 48, 48), np.float32)
    wall[0, 30, 10:30] = 1.0  # at x = 0.3 m, from y = -0.7 to 0.3 m
    inputs = {"blocked": jnp.asarray(wall), "goal": jnp.array([[0.7, 0.0, 1.0]]), "action": jnp.zeros((1, 3))}
    step = jax.jit(it.__call__)
    state, here, heading, went, first = it.initial(1), np.zeros(2), 0.0, [], 0.0
    for _ in range(60):
        now = inputs | {"pose": pose(*here, np.rad2deg(heading))}
        state, told = step(state, now, keys(1))
        first = first or float(told["value"][0])
        thrust, yaw = np.asarray(told["action"][0, :2], float)
        heading += 0.6 * yaw
        here = here + 0.15 * thrust * np.array([np.cos(heading), np.sin(heading)])
        went.append(here)
        assert wall[(0, *np.floor(here / 0.05 + 24).astype(int))] == 0
        if np.linalg.norm(here - (0.7, 0.0)) < 0.06:
            break
    assert np.linalg.norm(here - (0.7, 0.0)) < 0.06
    assert max(y for _, y in went) > 0.3
    assert min(y for _, y in went) > -0.1  # never to the longer side
    shortest = 2 * np.hypot(0.35, 0.35)
    assert shortest < np.sum(np.linalg.norm(np.diff([(0, 0), *went], axis=0), axis=1)) < 1.4 * shortest
    assert it.config.discount ** (1.4 * shortest / 0.15) < first < it.config.discount ** (shortest / 0.15)


def test_between_plans_the_body_is_steered_back_to_the_way() -> None:
    it = planner(every=4, horizon=4)
    inputs = {"blocked": jnp.zeros((1, 48, 48)), "goal": jnp.array([[0.8, 0.0, 1.0]]), "action": jnp.zeros((1, 3))}
    state, _ = it(it.initial(1), inputs | {"pose": pose(0.0, 0.0, 0.0)}, keys(1))
    for y, side in ((0.3, -1.0), (-0.3, 1.0)):  # pushed off to the left and to the right
        _, told = it(state, inputs | {"pose": pose(0.3, y, 0.0)}, keys(1))
        assert float(told["planned"][0]) == 0.0
        assert side * float(told["action"][0, 1]) > 0.5


def test_of_equal_ways_the_one_beside_the_straight_line_is_taken() -> None:
    it = planner(ahead=20)
    goal = jnp.array([[0.8, 0.4, 1.0]])  # as many diagonal steps as straight ones, in any order
    inputs = {"blocked": jnp.zeros((1, 48, 48)), "goal": goal, "action": jnp.zeros((1, 3)), "pose": pose(0.0, 0.0, 0.0)}
    way = np.asarray(it(it.initial(1), inputs, keys(1))[0]["way"][0])
    aside = np.abs(way @ [-0.4, 0.8]) / np.hypot(0.4, 0.8)
    assert aside.max() < 0.05
    assert np.linalg.norm(way[-1] - [0.8, 0.4]) < 1e-6


def test_between_points_the_next_one_is_that_not_yet_passed() -> None:
    way = jnp.array([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]])
    for x, y, number in (
        (-0.2, 0.0, 0),
        (0.0, 0.0, 1),
        (0.1, 0.2, 1),
        (0.9, 0.0, 1),
        (0.9, 0.1, 2),
        (1.1, 0.9, 2),
        (1.0, 2.0, 2),
    ):
        assert int(next_point(jnp.array([[x, y]]), way)[0]) == number, (x, y)


def test_the_body_does_not_turn_back_to_a_point_that_it_has_passed() -> None:
    it = planner(every=4, horizon=4)
    inputs = {"blocked": jnp.zeros((1, 48, 48)), "goal": jnp.array([[0.8, 0.0, 1.0]]), "action": jnp.zeros((1, 3))}
    state, _ = it(it.initial(1), inputs | {"pose": pose(0.0, 0.0, 0.0)}, keys(1))
    way = jnp.array([[[0.0, 0.0], [0.6, 0.0]]]).repeat(jnp.array([1, it.points - 1]), axis=1)
    _, told = it(state | {"way": way}, inputs | {"pose": pose(0.05, 0.25, 0.0)}, keys(1))
    angle = -np.arctan2(0.25, 0.55)  # to the right and ahead
    assert float(told["action"][0, 1]) == pytest.approx(it.config.turn * angle, abs=1e-4)
    assert float(told["action"][0, 0]) > 0.5


def test_whoever_is_overtaken_plans_first() -> None:
    sizes = {
        "blocked": Port((48, 48)),
        "pose": Port((4,)),
        "goal": Port((3,)),
        "action": Port((3,)),
        "demand": Port(()),
    }
    it = Wayfinder(WayfinderConfig(every=1, horizon=8, budget=0.25), Ports(sizes), nnx.Rngs(0))
    free, one = jnp.zeros((4, 48, 48)), jnp.ones((4, 1))
    inputs = {
        "goal": one * jnp.array([[0.7, 0.0, 1.0]]),
        "action": jnp.zeros((4, 3)),
        "pose": one * pose(0.0, 0.0, 0.0),
    }
    state, planned = it.initial(4), []
    for blocked, demand in [(free, 0.5)] * 5 + [(free.at[0, 30, 24].set(1.0), 0.5)] + [(free, -0.5)] * 2:
        state, told = it(state, inputs | {"blocked": blocked, "demand": jnp.full(4, demand)}, keys(4))
        planned.append(np.flatnonzero(told["planned"]).tolist())
    assert planned == [[0], [1], [2], [3], [0], [0], [], []]  # all in turn but the last time it was asked


def test_tolls_along_a_way_are_those_of_the_map() -> None:
    rng = np.random.default_rng(1)
    it = planner()
    blocked = (rng.random((4, 48, 48)) < 0.3).astype(np.float32)
    _, toll = distances(jnp.asarray(blocked), jnp.zeros((4, 2), jnp.int32), it.config)
    cells = rng.integers(0, 48, (4, it.points, 2))
    cells[:, :2] = [[0, 0], [47, 20]]  # at the edge too
    told = it._tolls(jnp.asarray(blocked), jnp.asarray((cells + 0.5 - 24) * it.config.cell, jnp.float32))
    np.testing.assert_allclose(told, np.asarray(toll)[np.arange(4)[:, None], cells[..., 0], cells[..., 1]])


def test_a_plan_is_overtaken_by_what_is_found_to_stand_before_the_body() -> None:
    it = planner(every=1, horizon=8)
    free = jnp.zeros((1, 48, 48))
    inputs = {"goal": jnp.array([[0.7, 0.0, 1.0]]), "action": jnp.zeros((1, 3)), "pose": pose(0.0, 0.0, 0.0)}
    none = it.initial(1)
    assert not it.overtaken(inputs | {"blocked": free.at[0, 30, 24].set(1.0)}, none)  # there is no plan
    state, _ = it(none, inputs | {"blocked": free}, keys(1))
    for y, speaks in ((0.05, False), (0.12, True)):  # off the way
        assert bool(it.overtaken(inputs | {"blocked": free, "pose": pose(0.4, y, 0.0)}, state)[0]) == speaks
    later = inputs | {"pose": pose(0.2, 0.0, 0.0)}  # of its way from x = 0 to x = 0.7 m
    for x, y, speaks in ((30, 24, True), (30, 25, True), (30, 27, False), (26, 24, False), (46, 24, False)):
        assert bool(it.overtaken(later | {"blocked": free.at[0, x, y].set(1.0)}, state)[0]) == speaks
    walled, there = free.at[0, 30].set(1.0).at[0, 30, 24].set(0.0), {"pose": pose(0.0, 0.0, 0.0)}  # but for a door
    state, _ = it(none, inputs | there | {"blocked": walled}, keys(1))
    assert float(state["tolls"].max()) == it.config.margin
    assert not it.overtaken(inputs | there | {"blocked": walled}, state)  # it knew
    assert it.overtaken(inputs | there | {"blocked": walled.at[0, 30, 24].set(1.0)}, state)


def test_without_a_goal_there_is_no_plan() -> None:
    it = planner()
    inputs = {
        "blocked": jnp.zeros((1, 48, 48)),
        "goal": jnp.zeros((1, 3)),
        "action": jnp.zeros((1, 3)),
        "pose": pose(0.3, 0.3, 0.0),
    }
    _, told = it(it.initial(1), inputs, keys(1))
    assert float(told["ready"][0]) == float(jnp.abs(told["action"]).max()) == float(told["value"][0]) == 0.0
    rest, _ = distances(jnp.zeros((1, 5, 5)), jnp.array([[9, 9]]), it.config)  # beyond the map: its nearest cell
    assert float(rest[0, 4, 4]) == 0.0
    assert float(rest.max()) < FAR


def test_a_plan_is_followed_and_not_tried_out() -> None:
    sizes = {"habit": Port((4,)), "plan": Port((2,)), "habit_uncertainty": Port(()), "plan_uncertainty": Port(())}
    inputs = {
        "habit": jnp.array([[0.5, -0.5, 0.0, -1.0]]),
        "plan": jnp.array([[1.0, 1.0]]),
        "habit_uncertainty": jnp.ones(1),
        "plan_uncertainty": jnp.ones(1),
    }
    for gate, narrow in ((0.0, 1.0), (0.5, 0.5), (1.0, 0.25)):
        it = Arbiter(ArbiterConfig(gate=gate, wander=0.25), Ports(sizes), nnx.Rngs(0))
        told = it((), inputs, keys(1))[1]["policy"]
        np.testing.assert_allclose(policy.mode(told)[0], [0.5 + 0.5 * gate, -0.5 + 1.5 * gate], rtol=1e-6)
        np.testing.assert_allclose(np.exp(told[0, 2:]), np.exp([0.0, -1.0]) * narrow, rtol=1e-5)
