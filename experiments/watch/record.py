"""Records a trained agent at work as a trace: what it saw and did, and what went on in every module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from agent.circuit import Circuit
from agent.module import DECISION_SECONDS
from agent.ports import Port
from agent.wires import BODY
from envs.arena import EYE_HEIGHTS
from envs.drawing import Geom as Shape
from envs.imperfect import bare
from envs.world import World
from experiments.altered import alone
from experiments.draw import layout
from experiments.errors import RunError
from experiments.evaluate import evaluate, mode
from experiments.learning.rollout import Life, begin, decide
from experiments.run import Run, circumstances, make_env
from experiments.say import Told
from experiments.watch.shapes import drawn
from experiments.watch.thoughts import plans, recalls
from experiments.watch.trace import Edge, Meta, Node, Trace
from experiments.watch.words import account, captions, events, said

SCORE_EPISODES = 64
UNITS = 256  # of a signal at most; of a longer one, units at equal distances


class Frame(NamedTuple):
    """One decision, as plain arrays."""

    shapes: list[Shape]
    pose: np.ndarray  # [3] x, y (m), heading (rad)
    retina: np.ndarray | None
    first: bool
    last: bool
    ports: dict[str, np.ndarray]
    reward: dict[str, np.ndarray]
    said: str  # the sentence that holds, if the task says any
    account: str  # what came of the episode, in words, where it ended and the task can tell
    episodes: dict[str, int] = {}  # before this one, as each memory for life counts


def record(run: Run, episodes: int = 1, seed: int = 0, told: Told | None = None) -> Trace:
    """So many whole episodes of a run's newest checkpoint, on test seeds, acting by the likeliest action.

    With `told` (`experiments.say`), they all say that sentence.
    """
    frames = list(_frames(run, episodes, seed, told))
    frames = [f for f in frames if not f.last]  # after the end nothing moves
    time = np.arange(len(frames)) * DECISION_SECONDS
    episode = np.cumsum([f.first for f in frames]) - 1
    circuit = run.circuit
    (task, score), *_ = evaluate(run, SCORE_EPISODES).items()
    retina, eyes = _retina(run, frames)
    shapes = {p: circuit.port(p).shape for p in _ports(circuit, "signal")}
    strides = {p: -(-shape[0] // UNITS) for p, shape in shapes.items() if len(shape) == 1 and shape[0] > 1}
    here, distant = recalls(circuit, frames, time)
    return Trace(
        meta=Meta(
            title=f"{task}, seed {run.setup.seed}",
            run=str(run.path),
            task=task,
            agent=", ".join(circuit.modules),
            seed=seed,
            dt=DECISION_SECONDS,
            version=circumstances()["packages"]["scrubjay"]
            + (f" {commit}" if (commit := circumstances()["commit"]) else ""),
        ),
        time=time,
        episode=episode,
        **drawn([f.shapes for f in frames]),
        **retina,
        eyes=eyes,
        rewards={term: np.array([f.reward[term] for f in frames]) for term in frames[0].reward},
        value=np.array([f.ports[run.setup.learning.value] for f in frames]),
        score=f"score {score.score:.2f} [{score.low:.2f}, {score.high:.2f}] over {score.episodes} episodes",
        ports={port: np.array([np.abs(f.ports[port]).mean() for f in frames]) for port in circuit.port_names},
        spikes={p: np.stack([f.ports[p] > 0 for f in frames]) for p in _ports(circuit, "spikes")},
        signals={
            p: np.array([f.ports[p].mean() for f in frames])
            for p in _ports(circuit, "signal")
            if circuit.port(p).shape in ((), (1,))
        },
        traces={p: np.stack([f.ports[p][::stride] for f in frames]) for p, stride in strides.items()},
        strides={p: stride for p, stride in strides.items() if stride > 1},
        events=tuple(events(frames, time, episode)),
        captions=tuple(captions(frames, time)),
        labels={p: circuit.port(p).labels for p in _ports(circuit, "signal") if _is_named(circuit.port(p))},
        recalls=here,
        distant=distant,
        plans=plans(circuit, frames),
        **_graph(circuit),
    )


def _frames(run: Run, episodes: int, seed: int, told: Told | None = None) -> Iterator[Frame]:
    """Every decision of the first `episodes` episodes of one environment."""
    env, circuit = make_env(alone(run).setup, 1), run.circuit
    if not isinstance(env, World):
        raise RunError(f"{run.path}: only the arena can be watched, and {env.name!r} is a machine without one.")
    if told and told.task:
        env = World(env.name, told.task, env.body, env.senses, env.engine, 1, env.changes)
    judged, clamp = told is None or told.task is not None, told.clamp if told else None
    params, probes = circuit.whole(run.learner().params, circuit.frozen), circuit.port_names
    life = jax.jit(lambda key: begin(circuit, env, key))(jax.random.key(2 * seed + 1))

    @jax.jit
    def step(params: Any, life: Life) -> tuple[Life, Any]:
        pose = env.pose(life.world)
        place = jnp.concatenate([pose.position[0], pose.heading[:1]])
        after, moment = decide(circuit, env, params, life, probes=probes, clamp=clamp, actor=mode(run))
        return after, (place, moment)

    done = 0
    while done < episodes:
        world = life.world
        after, (place, moment) = step(params, life)
        found = (moment.observation, moment.trace, moment.terms, world)
        senses, ports, terms, row = jax.tree.map(lambda x: np.asarray(x)[0], found)
        yield Frame(
            env.geoms(row),
            np.asarray(place),
            senses.get("retina"),
            bool(moment.first[0]),
            bool(moment.last[0]),
            ports,
            terms if judged else {},  # those are of a sentence that was not said
            told.text if told else said(env, row),
            account(env, after.world, judged) if moment.ends[0] else "",
            _episodes(after),
        )
        done += int(moment.ends[0])
        life = after


def _episodes(life: Life) -> dict[str, int]:
    """Of every memory whose state counts the episodes of its life."""
    states = life.brain["modules"].items()
    return {n: int(state["episodes"][0]) for n, state in states if isinstance(state, dict) and "episodes" in state}


def _retina(run: Run, frames: list[Frame]) -> tuple[dict[str, Any], np.ndarray | None]:
    """The pictures of the ray retina and where its rays went, if the body has one."""
    sense = next((s for s in getattr(run.env, "senses", ()) if s.key == "retina"), None)
    if sense is None or frames[0].retina is None:
        return {}, None
    pictures = np.stack([f.retina for f in frames if f.retina is not None])
    looks: Any = bare(sense)
    found = {"retina": pictures, "row_heights": EYE_HEIGHTS, "ray_angles": tuple(float(a) for a in looks.angles())}
    return found, np.stack([f.pose for f in frames])


def _ports(circuit: Circuit, meaning: str) -> list[str]:
    return [p for p in circuit.port_names if circuit.port(p).meaning == meaning and not p.startswith(f"{BODY}.")]


def _is_named(port: Port) -> bool:
    """Whether every number of a signal has a name, or a single number the names of its two ends."""
    return len(port.labels) == (port.shape[0] if port.shape else 2) and len(port.shape) < 2


def _graph(circuit: Circuit) -> dict[str, Any]:
    places = layout(circuit)
    nodes = tuple(Node(n, circuit.graph.nodes[n]["kind"], *places[n]) for n in circuit.graph)
    return {"nodes": nodes, "edges": tuple(Edge(w.start, w.end, w.delay) for w in circuit.wires)}
