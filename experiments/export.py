"""A trained brain as one portable program: `jax.export`'s serialized StableHLO, with the weights in it.

Whoever runs it needs JAX (with flatbuffers) and NumPy, and none of our code. The program is one pure function,

    state, action = program.call(state, observation, first, start, seed)

with plain dictionaries of arrays, so that the caller carries the state. A description of every array lies beside it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import jax.export
import jax.numpy as jnp

from agent.circuit import Circuit
from agent.module import DECISION_SECONDS, Arrays
from agent.wires import BODY
from experiments.errors import RunError
from experiments.evaluate import mode
from experiments.folder import write
from experiments.provenance import circumstances
from experiments.run import Run

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
RANDOM = "threefry2x32"
EXAMPLE = """\
import json

import jax.export
import numpy as np

program = jax.export.deserialize(bytearray(open("{file}", "rb").read()))
inputs = json.load(open("{description}"))["inputs"]
zeros = lambda x: np.zeros(x["shape"], x["dtype"])
state = {{name: zeros(x) for name, x in inputs["state"].items()}}
observation = {{name: zeros(x) for name, x in inputs["observation"].items()}}  # yours
first, seed = np.ones(inputs["first"]["shape"], bool), np.uint32(0)
for number in range(3):
    state, action = program.call(state, observation, first, np.bool_(number == 0), seed)
    first = np.zeros_like(first)
    print(np.asarray(action))
"""


class Actor:
    """What is exported: one decision of a trained brain, for so many environments side by side."""

    def __init__(self, run: Run, batch: int, deterministic: bool, checkpoint: int | None) -> None:
        learned = run.learner(checkpoint)  # with the ports checked
        self.circuit: Circuit = run.circuit
        self.batch, self.checkpoint = batch, checkpoint
        self._params = learned.params
        self._probes = (run.setup.learning.policy,) if deterministic else ()
        self._mode = mode(run) if deterministic else None

    def initial(self, seed: jax.Array) -> dict[str, jax.Array]:
        """The state at the start of a life: the brain's own under names with slashes, and the random stream."""
        return {
            **named(self.circuit.initial(self.batch)),
            "random/key": jax.random.key_data(jax.random.key(seed, impl=RANDOM)),
            "random/decisions": jnp.uint32(0),
        }

    def shapes(self) -> tuple[Any, ...]:
        """The arguments of a call, as shapes."""
        of = jax.ShapeDtypeStruct
        observation = {n: of((self.batch, *p.shape), p.dtype) for n, p in self.circuit.outputs[BODY].items()}
        seed = of((), jnp.uint32)
        return jax.eval_shape(self.initial, seed), observation, of((self.batch,), bool), of((), bool), seed

    def __call__(
        self, state: dict[str, jax.Array], observation: Arrays, first: jax.Array, start: jax.Array, seed: jax.Array
    ) -> tuple[dict[str, jax.Array], jax.Array]:
        """One decision. Where `start` holds, the state given is ignored and a life begins."""
        state = jax.tree.map(lambda new, old: jnp.where(start, new, old), self.initial(seed), state)
        key, number = state["random/key"], state["random/decisions"]
        now = jax.random.fold_in(jax.random.wrap_key_data(key, impl=RANDOM), number)
        keys = jax.vmap(jax.random.fold_in, (None, 0))(now, jnp.arange(self.batch))
        like = self.circuit.initial(self.batch)
        brain = jax.tree.unflatten(jax.tree.structure(like), [state[name] for name in named(like)])
        brain, action, trace = self.circuit.step(
            self._params, brain, observation, first | start, keys, probes=self._probes
        )
        if self._mode is not None:
            action = self._mode(trace)
        return {**named(brain), "random/key": key, "random/decisions": number + jnp.uint32(1)}, action


def named(tree: Any) -> dict[str, jax.Array]:
    """The arrays of a tree by their paths, `modules/hippocampus/...`, in the order of its leaves."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def write_program(
    run: Run, target: Path, batch: int = 1, deterministic: bool = True, checkpoint: int | None = None
) -> tuple[Path, Path]:
    """Writes the program and, ending in .json, its description; returns both paths.

    deterministic: takes the likeliest action in place of a random one. checkpoint: the newest if None.
    Raises RunError where a file cannot be written.
    """
    description = target.with_suffix(".json")
    if description == target:
        raise RunError(f"{target}: the program's description has this name. Choose another ending, for example .jax")
    actor = Actor(run, batch, deterministic, checkpoint)
    program = jax.export.export(jax.jit(actor), platforms=PLATFORMS)(*actor.shapes())
    text = json.dumps(describe(run, actor, deterministic, target), indent=2, ensure_ascii=False)
    try:
        part = target.with_name(f".{target.name}.part")
        part.write_bytes(program.serialize())
        part.replace(target)
        write(description, text + "\n")
    except OSError as error:
        raise RunError(f"{target} cannot be written: {error}. Choose another file with -o.") from error
    return target, description


def describe(run: Run, actor: Actor, deterministic: bool, target: Path) -> dict[str, Any]:
    """What the program takes and gives, for people and programs without our code."""
    state, observation, first, start, seed = actor.shapes()
    senses = actor.circuit.outputs[BODY]
    action = jax.ShapeDtypeStruct((actor.batch, *run.env.action_space.shape), "float32")
    carried = {name: _array(x, "carried from call to call; zeros at the first") for name, x in state.items()}
    kind = "the likeliest action" if deterministic else "a random action of the policy"
    made = circumstances()
    return {
        "format": "jax.export",
        "file": target.name,
        "call": "state, action = program.call(state, observation, first, start, seed)",
        "batch": actor.batch,
        "seconds_between_calls": DECISION_SECONDS,
        "platforms": list(PLATFORMS),
        "inputs": {
            "state": carried,
            "observation": {name: _array(observation[name], port.meaning) for name, port in senses.items()},
            "first": _array(first, "true where an episode begins with this decision"),
            "start": _array(start, "true at the first call: the state given is ignored and a life begins"),
            "seed": _array(seed, "of the random numbers of a life; used where start is true"),
        },
        "outputs": {
            "state": carried,
            "action": _array(action, f"{kind}; the world clips it to -1..1"),
        },
        "task": run.setup.world,
        "checkpoint": run.checkpoints.latest() if actor.checkpoint is None else actor.checkpoint,
        "commit": made["commit"],
        "jax": jax.__version__,
        "example": EXAMPLE.format(file=target.name, description=target.with_suffix(".json").name),
    }


def _array(shaped: Any, meaning: str) -> dict[str, Any]:
    return {"shape": list(shaped.shape), "dtype": str(shaped.dtype), "meaning": meaning}
