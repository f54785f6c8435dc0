"""`bench frozen`: what a frozen transformer is good for: naming what is in view, and recalling after a delay.

The transformer is pretrained on words alone (`experiments.bench.storyteller`), or has random weights, or is left out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import agent
from agent.circuit import Circuit
from agent.ports import Port, Ports
from agent.unroll import unroll
from envs.scene import COLOURS, SHAPES, Pose, Things, scene
from envs.senses.retina import Retina
from experiments.bench import storyteller
from experiments.provenance import circumstances
from experiments.scores import interval

ANSWERS = (*COLOURS, *SHAPES)
CUES, TICKS, FEATURES = 8, 24, 16
"""What a cue may be, decisions from it to the question, and numbers in a view of either."""
BATCH, UPDATES, RATE, TESTED = 64, 600, 2e-3, 2048


class Asked(NamedTuple):
    """Experience `[T, B, ...]` and the right answer to the last of it, `[B]` int32."""

    senses: dict[str, jax.Array]
    right: jax.Array


def bench(seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Part of right answers on new views, and after new distractors; 95 % intervals over seeds."""
    with tempfile.TemporaryDirectory() as folder:
        model = str(Path(folder) / "storyteller")
        loss = storyteller.directory(Path(model))
        say(f"pretrained: {loss:.3f} nats per word")
        found: dict[str, Any] = {}
        for task, (kinds, make, chance) in _tasks(model).items():
            found[task] = {"chance": chance, "brains": {}}
            for name, options in kinds.items():
                values = np.array([_learned(_wired(task, options), make, seed) for seed in range(seeds)])
                low, high = interval(values)
                row = {"mean": float(values.mean()), "low": low, "high": high, "seeds": values.tolist()}
                found[task]["brains"][name] = row
                say(f"{task}, {name}: {row['mean']:.3f} [{low:.3f}, {high:.3f}]")
    training = {"updates": UPDATES, "batch": BATCH, "rate": RATE, "pretraining": loss}
    return {"frozen": found, "training": training, "measured": circumstances()}


def _tasks(model: str) -> dict[str, tuple[Mapping[str, Any], Callable[[jax.Array, int], Asked], float]]:
    prefix = {"kind": "visual_prefix", "model": model, "candidates": list(ANSWERS)}
    memory = {"kind": "frozen_memory", "model": model, "window": TICKS + 2}
    random = {"pretrained": False}
    naming = {"visual_prefix, pretrained": prefix, "visual_prefix, random": prefix | random, "gru": {"kind": "gru"}}
    recall = {
        "frozen_memory, pretrained": memory,
        "frozen_memory, random": memory | random,
        "gru": {"kind": "gru"},
        "no memory": {"kind": "body_encoder", "width": 128},
    }
    return {
        "naming": (naming, views, 0.5 / len(COLOURS) + 0.5 / len(SHAPES)),
        "recall": (recall, cues, 1 / CUES),
    }


def views(key: jax.Array, batch: int) -> Asked:
    """A thing somewhere before the body, as the retina sees it, and a question about its colour or its shape."""
    keys = jax.random.split(key, 5)
    colour = jax.random.randint(keys[0], (batch,), 0, len(COLOURS))
    shape = jax.random.randint(keys[1], (batch,), 0, len(SHAPES))
    question = jax.random.randint(keys[2], (batch,), 0, 2)
    far = jax.random.uniform(keys[3], (batch,), minval=0.25, maxval=0.8)
    aside = jax.random.uniform(keys[4], (batch,), minval=-1.2, maxval=1.2)
    paint, rows = jnp.array(list(COLOURS.values())), jnp.array(list(SHAPES.values()))

    def seen(colour: jax.Array, shape: jax.Array, far: jax.Array, aside: jax.Array) -> jax.Array:
        place = far * jnp.stack([jnp.cos(aside), jnp.sin(aside)])
        things = Things(place[None], jnp.array([0.1]), paint[colour][None], rows[shape][None])
        pose = Pose(jnp.zeros(2), jnp.zeros(()), jnp.zeros(2), jnp.zeros(()))
        found = Retina().look(pose, scene(things, "plain"))
        return jnp.stack([*found.colour, jnp.exp(-found.depth)], -1)

    right = jnp.where(question == 0, colour, len(COLOURS) + shape)
    senses = {"image": jax.vmap(seen)(colour, shape, far, aside)[None], "question": question[None]}
    return Asked(senses, right)


def cues(key: jax.Array, batch: int) -> Asked:
    """One of some vectors, then others never seen before, then the question which it was."""
    keys = jax.random.split(key, 2)
    known = jax.random.normal(jax.random.key(0), (CUES, FEATURES))
    right = jax.random.randint(keys[0], (batch,), 0, CUES)
    others = jax.random.normal(keys[1], (TICKS, batch, FEATURES))
    seen = jnp.concatenate([known[right][None], others, jnp.zeros((1, batch, FEATURES))])
    asked = jnp.zeros((len(seen), batch, 1)).at[-1].set(1.0)
    return Asked({"seen": seen, "asked": asked}, right)


def _wired(task: str, options: Mapping[str, Any]) -> tuple[Circuit, str]:
    """A brain of that module, and the port that is read."""
    modules: dict[str, Any] = {"it": dict(options), "mover": {"kind": "body_encoder", "width": 1}}
    if task == "recall":
        senses = Ports(seen=Port((FEATURES,)), asked=Port((1,)))
        into = "senses" if options["kind"] == "body_encoder" else "input"
        wires = [f"body.seen -> it.{into}", f"body.asked -> it.{into}", "body.asked -> mover.senses"]
        port = "it.code" if into == "senses" else "it.state"
    else:
        words = Port((), "index", "int32", labels=storyteller.QUESTIONS)
        senses = Ports(image=Port((2, 32, 4)), question=words, silence=Port((1,)))
        wires, port = ["body.silence -> mover.senses"], "it.answer"
        if options["kind"] == "gru":
            modules["retina"], modules["words"] = {"kind": "retina_conv"}, {"kind": "learned_text"}
            wires += ["body.image -> retina.image", "body.question -> words.sentence"]
            wires += ["retina.code -> it.input", "words.code -> it.input"]
            port = "it.state"
        else:
            wires += ["body.image -> it.image", "body.question -> it.sentence"]
    wires += ["mover.code -> body.action"]
    return agent.build({"modules": modules, "wires": wires}, senses, Port((1,), "action")), port


def _learned(wired: tuple[Circuit, str], make: Callable[[jax.Array, int], Asked], seed: int) -> float:
    """Trains a brain and a linear readout (none where the answer is the transformer's own); accuracy after that."""
    circuit, port = wired
    own, size = port == "it.answer", circuit.port(port).shape[0]
    labels = len(ANSWERS) if make is views else CUES
    params = {"brain": circuit.init(jax.random.key(seed)), "out": jnp.zeros((size, labels))}
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(RATE, UPDATES)))

    def answers(params: Any, frozen: Any, asked: Asked) -> jax.Array:
        times, batch = next(iter(asked.senses.values())).shape[:2]
        senses = {
            n: asked.senses.get(n, jnp.zeros((times, batch, *p.shape))) for n, p in circuit.outputs["body"].items()
        }
        first = jnp.zeros((times, batch), bool).at[0].set(True)
        keys = jax.random.split(jax.random.key(0), (times, batch))
        whole = circuit.whole(params["brain"], frozen)
        told = unroll(circuit, whole, circuit.initial(batch), senses, first, keys, probes=(port,))[1][port][-1]
        return told if own else told @ params["out"]

    def loss(params: Any, frozen: Any, key: jax.Array) -> jax.Array:
        asked = make(key, BATCH)
        return optax.softmax_cross_entropy_with_integer_labels(answers(params, frozen, asked), asked.right).mean()

    @jax.jit
    def train(params: Any, frozen: Any) -> Any:
        def update(carry: Any, key: jax.Array) -> tuple[Any, None]:
            params, moments = carry
            change, moments = optimizer.update(jax.grad(loss)(params, frozen, key), moments, params)
            return (optax.apply_updates(params, change), moments), None

        keys = jax.random.split(jax.random.key(2 * seed), UPDATES)
        return jax.lax.scan(update, (params, optimizer.init(params)), keys)[0][0]

    params = train(params, circuit.frozen)
    asked = make(jax.random.key(2 * seed + 1), TESTED)
    return float((jax.jit(answers)(params, circuit.frozen, asked).argmax(-1) == asked.right).mean())
