"""Planners against optima known otherwise: control theory, a tree by hand, networkx; and who plans when."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest
import scipy.linalg
from flax import nnx

import agent
from agent.planning.cem import Cem, CemConfig
from agent.planning.latent_model import ERRORS, LatentModel, LatentModelConfig
from agent.planning.map import FAR, HOP, Map, MapConfig, shortest
from agent.planning.mcts import Mcts, MctsConfig
from agent.planning.model import Imagined, path, returns
from agent.planning.mppi import Mppi, MppiConfig
from agent.planning.path_integration import PathIntegration, PathIntegrationConfig
from agent.planning.planner import Plan, Planner, PlannerConfig
from agent.ports import MODEL, Port, Ports
from agent.unroll import serving
from tests.agent.parts import assert_close, bench, life

DISCOUNT = 0.9
A = np.array([[1.0, 0.1], [-0.2, 0.9]], np.float32)
B = np.array([[0.0], [0.3]], np.float32)
COST, EFFORT = np.diag([1.0, 0.1]).astype(np.float32), np.array([[0.5]], np.float32)


@dataclass
class Linear:
    """x' = A x + B a, r = -xᵀ Q x - aᵀ R a, and the worth of a state as the Riccati equation has it."""

    worth: np.ndarray
    actions: int = 1

    def imagine(self, latent: jax.Array, action: jax.Array) -> Imagined:
        cost = jnp.einsum("ni,ij,nj->n", latent, COST, latent) + jnp.einsum("ni,ij,nj->n", action, EFFORT, action)
        return Imagined(latent @ A.T + action @ B.T, -cost)

    def value(self, latent: jax.Array) -> jax.Array:
        return -jnp.einsum("ni,ij,nj->n", latent, self.worth, latent)

    def motion(self, latent: jax.Array) -> jax.Array:
        return jnp.pad(latent, ((0, 0), (0, 1)))


def ports(state: int, actions: int) -> Ports:
    return Ports(state=Port((state,)), action=Port((actions,)), model=Port((), "model", MODEL))


def keys(count: int, seed: int = 0) -> jax.Array:
    return jax.random.split(jax.random.key(seed), count)


@pytest.mark.parametrize(
    ("planner", "near"),
    [
        (
            Cem(CemConfig(horizon=4, discount=DISCOUNT, samples=128, rounds=10, least=0.0), ports(2, 1), nnx.Rngs(0)),
            0.02,
        ),
        (
            Mppi(MppiConfig(horizon=4, discount=DISCOUNT, samples=512, rounds=5, spread=0.2), ports(2, 1), nnx.Rngs(0)),
            0.06,
        ),
    ],
    ids=["cem", "mppi"],
)
def test_a_plan_is_the_optimum_of_linear_quadratic_control(planner: Planner[Any], near: float) -> None:
    """a = -(R + γ Bᵀ P B)⁻¹ γ Bᵀ P A x and V = -xᵀ P x, P by SciPy's solution of the discounted Riccati equation."""
    root = np.sqrt(DISCOUNT)
    worth = scipy.linalg.solve_discrete_are(root * A, root * B, COST, EFFORT).astype(np.float32)
    gain = np.linalg.solve(EFFORT + DISCOUNT * B.T @ worth @ B, DISCOUNT * B.T @ worth @ A)
    x = np.array([[0.5, 0.2], [-0.3, 0.6], [0.1, -0.8]], np.float32)
    optimum = -x @ gain.T
    assert np.abs(optimum).min() > near
    found = jax.jit(partial(planner.search, Linear(worth)))(x, jnp.zeros((3, 4, 1)), keys(3))
    np.testing.assert_allclose(found.actions[:, 0], optimum, atol=near)
    best = -np.einsum("ni,ij,nj->n", x, worth, x)
    assert (found.value <= best + 1e-5).all()
    np.testing.assert_allclose(found.value, best, rtol=5e-3)


def test_returns_and_paths_by_hand() -> None:
    model, x = Linear(np.eye(2, dtype=np.float32)), jnp.array([[1.0, 0.0]])
    plans = jnp.array([[[[1.0], [0.0]]]])
    one, two = A @ np.array([1.0, 0.0]) + B[:, 0], A @ (A @ np.array([1.0, 0.0]) + B[:, 0])
    expected = -(1.0 + 0.5) - DISCOUNT * (one @ COST @ one) - DISCOUNT**2 * two @ two
    np.testing.assert_allclose(returns(model, x, plans, DISCOUNT), [[expected]], rtol=1e-6)
    np.testing.assert_allclose(path(model, x, plans[:, 0])[0, :, :2], [one, two], rtol=1e-6)


REWARDS = np.zeros(64, np.float32)
REWARDS[[2, 5, 7]] = 1.0, 0.2, 3.0  # of coming to a node


class Tree:
    """Nodes numbered as in a heap: from n a move leads to 2 n, or if it is above 0 to 2 n + 1; no node has a worth."""

    actions = 1

    def imagine(self, latent: jax.Array, action: jax.Array) -> Imagined:
        node = 2.0 * latent[:, :1] + (action > 0)
        return Imagined(node, jnp.asarray(REWARDS)[node[:, 0].astype(int)])

    def value(self, latent: jax.Array) -> jax.Array:
        return jnp.zeros(latent.shape[0])

    def motion(self, latent: jax.Array) -> jax.Array:
        return jnp.zeros((latent.shape[0], 3))


@pytest.mark.parametrize(("simulations", "plan"), [(2, [-1.0, 0.0]), (32, [1.0, 1.0])])
def test_a_tree_by_hand(simulations: int, plan: list[float]) -> None:
    """Two nodes show that left pays 1 and right nothing; a whole tree, that right then right pays 0.9 · 3."""
    config = MctsConfig(horizon=2, discount=0.9, levels=2, simulations=simulations)
    planner = Mcts(config, ports(1, 1), nnx.Rngs(0))
    found = jax.jit(partial(planner.search, Tree()))(jnp.ones((2, 1)), jnp.zeros((2, 2, 1)), keys(2))
    np.testing.assert_array_equal(found.actions[:, :, 0], [plan, plan])
    if simulations == 2:
        np.testing.assert_allclose(found.value, 1.0, rtol=1e-6)
        np.testing.assert_allclose(found.uncertainty, 0.5**0.5, rtol=1e-6)  # half the visits, (1 - 0)² apart
    else:
        assert (found.value > 1.0 + 0.9 * 0.2).all()
        assert (found.value <= 0.9 * 3.0).all()


@dataclass
class Tenfold:
    """Another model, in which all is worth ten times as much."""

    model: Any

    def imagine(self, latent: jax.Array, action: jax.Array) -> Imagined:
        latent, reward = self.model.imagine(latent, action)
        return Imagined(latent, 10.0 * reward)

    def value(self, latent: jax.Array) -> jax.Array:
        return 10.0 * self.model.value(latent)


@pytest.mark.parametrize(
    ("planner", "model", "start"),
    [
        (Cem(CemConfig(horizon=2, samples=16, rounds=2), ports(2, 1), nnx.Rngs(0)), Linear(np.eye(2)), [1.0, 0.5]),
        (Mppi(MppiConfig(horizon=2, samples=16, rounds=2), ports(2, 1), nnx.Rngs(0)), Linear(np.eye(2)), [1.0, 0.5]),
        (Mcts(MctsConfig(horizon=2, levels=2, simulations=2), ports(1, 1), nnx.Rngs(0)), Tree(), [1.0]),
    ],
    ids=["cem", "mppi", "mcts"],
)
def test_uncertainty_is_in_units_of_value(planner: Planner[Any], model: Any, start: list[float]) -> None:
    """A deviation, as an arbiter takes it: ten times as large where all is worth ten times as much."""
    x, plan = jnp.array([start]), jnp.zeros((1, 2, 1))
    one, ten = (planner.search(m, x, plan, keys(1)).uncertainty for m in (model, Tenfold(model)))
    assert float(one[0]) > 0.01
    np.testing.assert_allclose(ten, 10.0 * one, rtol=1e-4)


def test_too_many_moves() -> None:
    brain = {"kind": "mcts", "levels": 3}
    with pytest.raises(agent.ConfigError) as caught:
        planned(brain, actions=5)
    assert str(caught.value) == (
        "agent.modules.planner: levels: 3 of each number of the action make 243 moves, not 81. Lower it."
    )


def test_shortest_ways_are_those_of_networkx() -> None:
    random = np.random.default_rng(0)
    lengths = random.uniform(0.1, 2.0, (3, 20, 20)).astype(np.float32)
    lengths = np.where(random.random(lengths.shape) < 0.12, lengths, FAR)
    lengths = np.minimum(lengths, lengths.swapaxes(1, 2)).astype(np.float32)
    found = jax.jit(shortest)(lengths)
    for table, ways in zip(lengths, found, strict=True):
        graph = nx.Graph([(i, j, {"weight": float(table[i, j])}) for i, j in np.argwhere(table < FAR)])
        known = nx.single_source_dijkstra_path_length(graph, 19) if 19 in graph else {19: 0.0}
        expected = [known.get(i, FAR) for i in range(20)]
        np.testing.assert_allclose(np.minimum(ways, FAR), expected, rtol=1e-5)


def test_a_map_leads_along_what_was_walked() -> None:
    """The goal lies beyond a wall, 1 m ahead; the body once went there around it, by way of (0, 1) and (1, 1)."""
    trail = [(0.0, 0.5), (0.0, 1.0), (0.5, 1.0), (1.0, 1.0), (1.0, 0.5), (1.0, 0.1), (0.0, 0.05), (0.5, 0.1)]
    places, written = jnp.array([trail]), jnp.array([[0, 8, 16, 24, 32, 40, 60, -1]])  # the last one was never there
    inputs = {
        "places": places,
        "written": written,
        "pose": jnp.array([[0.0, 0.0, 1.0, 0.0]]),
        "goal": jnp.array([[1.0, 0.0]]),
    }
    shapes = {name: Port(x.shape[1:], dtype=str(x.dtype)) for name, x in inputs.items()}
    planner = Map(MapConfig(near=0.46), Ports(shapes, action=Port((3,))), nnx.Rngs(0))
    inputs["action"] = jnp.zeros((1, 3))
    route = jax.jit(planner.route)(inputs)
    assert route.length[0] == pytest.approx(3.0 + 8 * HOP, abs=1e-5)
    np.testing.assert_allclose(route.points[0, -1], (1.0, 0.0))
    seen = {tuple(np.round(p, 2).tolist()) for p in route.points[0]}
    assert {(0.0, 1.0), (1.0, 1.0)} <= seen
    step = jax.jit(planner.__call__)
    state, told = step(planner.initial(1), inputs, keys(1))
    assert float(told["ready"][0]) == 1.0
    assert float(told["action"][0, 1]) == 1.0  # turns left, to where it went
    assert float(told["value"][0]) == pytest.approx(0.98 ** ((3.0 + 8 * HOP) / 0.15), rel=1e-5)
    forgotten = inputs | {"written": jnp.full_like(written, -1)}
    _, told = step(state, forgotten, keys(1))
    assert float(told["ready"][0]) == float(jnp.abs(told["action"]).max()) == 0.0


SEARCHED: list[int] = []
"""For how many environments each search was compiled."""


class Echo(Planner[Any]):
    """Plans what it is told to: the latent, as all of its actions."""

    def search(self, model: Any, latent: jax.Array, plan: jax.Array, key: jax.Array) -> Plan:
        SEARCHED.append(latent.shape[0])
        noise = jax.vmap(lambda k: jax.random.uniform(k))(key)
        actions = jnp.broadcast_to(latent[:, None], (latent.shape[0], self.config.horizon, latent.shape[1]))
        return Plan(actions + jnp.arange(self.config.horizon)[None, :, None], noise, noise)


def echo(**options: Any) -> tuple[Echo, LatentModel]:
    sizes = {"state": Port((3,)), "action": Port((3,)), "observation": Port((3,)), "value": Port(())}
    model = LatentModel(LatentModelConfig(width=3, hidden=4), Ports(sizes, reward=Port((1,))), nnx.Rngs(0))
    return Echo(PlannerConfig(**options), ports(3, 3), nnx.Rngs(0)), model


def asked(planner: Planner[Any], model: Any, times: int, batch: int, demand: Any = None) -> dict[str, np.ndarray]:
    """What is told over time; the latent tells environment and time."""
    state, told = planner.initial(batch), []
    step = jax.jit(lambda state, inputs, key: planner(state, inputs | {"model": model}, key))
    for t in range(times):
        latent = jnp.arange(batch)[:, None] * 100.0 + jnp.full((batch, 3), 10.0 * t)
        inputs = {"state": latent, "action": jnp.zeros((batch, 3))}
        if demand is not None:
            inputs["demand"] = demand
        state, now = step(state, inputs, keys(batch, seed=t))
        told.append(now)
    return jax.tree.map(lambda *x: np.stack(x), *told)


def test_plans_are_staggered() -> None:
    """Each in its turn, and the search is one of that part of the batch: the others cost nothing."""
    SEARCHED.clear()
    told = asked(*echo(every=4, horizon=5), times=12, batch=8)
    assert {*SEARCHED} == {2}
    assert told["planned"].sum(axis=1).tolist() == [2.0] * 12
    assert (told["planned"][4:8].sum(axis=0) == 1).all()
    np.testing.assert_array_equal(told["planned"][4:8], told["planned"][8:])
    assert told["ready"][3:].all()
    assert told["ready"][:3].sum() == 2 + 4 + 6
    times, places = np.nonzero(told["planned"])
    age = np.array(
        [
            [t - max((s for s, p in zip(times, places, strict=True) if p == b and s <= t), default=t) for b in range(8)]
            for t in range(12)
        ]
    )
    made = np.arange(8)[None] * 100.0 + (np.arange(12)[:, None] - age) * 10.0
    np.testing.assert_array_equal(told["action"][:, :, 0], np.where(told["ready"] > 0, made + age, 0.0))


def test_a_part_that_plans_plans_as_all_would() -> None:
    """The batch is searched for the most demanding three; theirs are the plans of a search of all."""
    planner, model = echo(budget=0.6)
    demand = jnp.array([0.5, 0.1, 0.9, -0.3, 0.7])
    told, everyone = asked(planner, model, 1, 5, demand), asked(echo()[0], model, 1, 5)
    assert told["planned"][0].tolist() == [1.0, 0.0, 1.0, 0.0, 1.0]
    assert everyone["planned"].all()
    for name in ("action", "value", "uncertainty", "advice", "path"):
        chosen = told["planned"][0] > 0
        np.testing.assert_allclose(told[name][0, chosen], everyone[name][0, chosen], rtol=1e-5, atol=1e-5)
        assert not told[name][0, ~chosen].any()


def test_nobody_plans_unasked() -> None:
    planner, model = echo(budget=0.6, threshold=0.2)
    assert asked(planner, model, 2, 3, jnp.array([0.1, 0.15, 0.3]))["planned"].tolist() == [[0.0, 0.0, 1.0]] * 2
    assert not asked(planner, model, 2, 3, jnp.full(3, 0.1))["ready"].any()


@pytest.mark.parametrize(
    ("every", "budget", "batch", "places"),
    [(1, 1.0, 7, 7), (8, 1.0, 256, 32), (8, 1.0, 3, 1), (1, 0.3, 256, 77), (2, 0.5, 8, 2)],
)
def test_places(every: int, budget: float, batch: int, places: int) -> None:
    assert PlannerConfig(every=every, budget=budget).places(batch) == places


def test_a_plan_must_last() -> None:
    with pytest.raises(agent.ConfigError, match=r"every: a plan of 4 decisions does not last for 5\. Lower it\."):
        PlannerConfig(every=5, horizon=4)


def test_errors_are_those_of_the_model_by_hand() -> None:
    """At t the latent of t - H is rolled on by the actions that were done since; each step beside what came then."""
    case, times = bench("latent_model"), 9
    circuit, horizon = case.circuit, case.circuit.modules["it"].horizon
    lived = life(circuit, times, batch=2)
    lived = lived._replace(first=lived.first.at[:].set(False).at[0].set(True).at[2, 1].set(True))
    _, trace = case.unroll(case.params, circuit.initial(2), *lived)
    model, seen = circuit.with_weights("it", case.params), lived.observation
    reward = seen["reward"] + seen["reward_too"] if "reward_too" in seen else seen["reward"]
    observation = jnp.concatenate([seen["observation"], seen["observation_too"]], axis=-1)
    errors = {name: trace[f"it.{name}_error"] for name in ERRORS}
    for t in (horizon, 8):
        latent = trace["it.latent"][t - horizon]
        for h in range(horizon):
            now = t - horizon + 1 + h
            latent, came = model.imagine(latent, seen["action"][now])
            expected = {
                "latent": jnp.square(latent - trace["it.latent"][now]).mean(axis=1),
                "reward": jnp.square(came - reward[now].reshape(2, -1).sum(axis=1)),
                "observation": jnp.square(model.observation(latent) - observation[now]).mean(axis=1),
                "value": jnp.square(model.value(latent) - seen["value"][now]),
            }
            for name, value in expected.items():
                assert_close(errors[name][t, 0, h], value[0], rtol=1e-4, atol=1e-5)
    assert not any(error[:horizon].any() for error in errors.values())
    assert not errors["latent"][: 2 + horizon, 1].any()  # a new episode began at 2
    assert errors["latent"][2 + horizon, 1].all()


def planned(planner: dict[str, Any], actions: int = 2, **changes: Any) -> agent.Circuit:
    """A small brain with a planner; `changes` replace modules, or wires by their ends."""
    modules = {
        "soma": {"kind": "body_encoder", "width": 6},
        "value": {"kind": "critic", "hidden": 4},
        "world": {"kind": "latent_model", "width": 5, "hidden": 4, "horizon": 2},
        "planner": planner,
        "motor": {"kind": "gaussian_motor", "hidden": 4},
    } | {name: options for name, options in changes.items() if name != "wires"}
    wires = ["body.proprio -> soma.senses", "soma.code -> value.state", "soma.code -> motor.drive"]
    wires += ["soma.code -> world.state", "body.action -> world.action", "body.reward -> world.reward"]
    wires += ["body.proprio -> world.observation", "value.value -> world.value", "body.action -> motor.previous"]
    wires += ["world.latent -> planner.state", "body.action -> planner.action", "planner.advice -> motor.drive"]
    wires += [*changes.get("wires", ["world.model -> planner.model"]), "motor.action -> body.action"]
    body = {"proprio": [5], "reward": [1], "action": [actions]}
    return agent.build({"modules": modules, "wires": wires, "body": body, "action": [actions]})


def test_a_planner_is_replayed_and_its_model_learns_only_by_its_losses() -> None:
    circuit = planned({"kind": "cem"})
    assert circuit.replayed == ("planner.advice",)
    assert serving(circuit, ("motor.policy",), circuit.replayed) == ["soma", "motor"]
    losses = serving(circuit, ("world.latent_loss",), circuit.replayed)
    assert losses == ["soma", "value", "world"]
    assert "world.model" not in circuit.port_names


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"wires": ["world.model -> planner.model @ delay=1"]},
            (
                "wire 'world.model -> planner.model @ delay=1': 'planner.model' takes a model, which is the same at "
                "any time. Take '@ delay=1' away."
            ),
        ),
        (
            {"wires": ["value.value -> planner.model"]},
            (
                "wire 'value.value -> planner.model': 'planner.model' takes model, but 'value.value' sends float32. "
                "Wire another port."
            ),
        ),
        (
            {"world": {"kind": "none", "like": {"kind": "latent_model", "width": 5}}},
            "agent.modules.planner: model: nothing there to plan with. Wire the `model` of a latent_model.",
        ),
    ],
    ids=["delayed", "no model", "none"],
)
def test_a_model_must_be_one(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(agent.ConfigError) as caught:
        planned({"kind": "cem"}, **changes)
    assert problem in str(caught.value)


@pytest.mark.parametrize("compass", [True, False])
def test_path_integration_of_a_circle(compass: bool) -> None:
    """Driving at v and turning at ω, the body comes along a circle of radius v / ω, to 1 %."""
    module = PathIntegration(PathIntegrationConfig(compass=compass), Ports(motion=Port((5,))), nnx.Rngs(0))
    v, yaw, dt = 0.6, 1.2, 0.1
    state, pose, step = module.initial(1), None, jax.jit(module.__call__)
    for t in range(40):
        told = jnp.array([[v / 1.5, 0.0, yaw / 6.0, np.cos(yaw * t * dt), np.sin(yaw * t * dt)]])
        state, sent = step(state, {"motion": told}, keys(1))
        pose = sent["pose"][0]
    angle, radius = yaw * 39 * dt, v / yaw
    expected = [radius * np.sin(angle), radius * (1 - np.cos(angle)), np.cos(angle), np.sin(angle)]
    np.testing.assert_allclose(pose, expected, atol=0.01 * radius)


def test_who_asks_little_waits_but_not_for_ever() -> None:
    told = asked(*echo(every=1, horizon=8, budget=0.2), times=20, batch=5, demand=jnp.array([1.0, 0.6, 0.5, 0.4, 0.3]))
    assert told["planned"].sum(axis=1).tolist() == [1.0] * 20
    turns = told["planned"].sum(axis=0)
    assert turns.min() > 0
    assert turns[0] == turns.max() > turns[-1]
