"""How far ahead a brain's world model sees: its errors by horizon, beside predictors that know nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp

from agent.circuit import Circuit
from agent.module import Arrays
from agent.planning.latent_model import LatentModel
from agent.unroll import fold
from experiments.errors import RunError
from experiments.learning.rollout import begin, rollout
from experiments.run import Run, make_env

BATCH = 128


@dataclass(frozen=True)
class Errors:
    """Mean squared errors of predictions so many decisions ahead.

    model: the world model, given the actions; unchanged: what was last, again; mean: the mean over all that was met.
    """

    what: str
    ahead: int
    model: float
    unchanged: float
    mean: float

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def foresight(run: Run, horizon: int = 12, decisions: int = 200, checkpoint: int | None = None) -> list[Errors]:
    """Errors of latent, reward, observation and value by horizon, over test seeds, acting as in training."""
    name, params = world_of(run), run.learner(checkpoint).params
    circuit, env = run.circuit, make_env(run.setup, BATCH)
    heard = tuple(dict.fromkeys(w.start for w in circuit.wires if w.target == name))

    @jax.jit
    def measure(key: jax.Array) -> dict[str, Arrays]:
        life = begin(circuit, env, key)
        _, lived = rollout(circuit, env, params, life, decisions, probes=(*heard, f"{name}.latent"))
        model: Any = circuit.with_weights(name, params)
        return errors(model, _came(circuit, name, lived.trace), lived.first, horizon)

    found = measure(jax.random.key(2 * run.setup.seed + 1))
    return [
        Errors(what, h + 1, *(float(found[what][who][h]) for who in ("model", "unchanged", "mean")))
        for what in found
        for h in range(horizon)
    ]


def world_of(run: Run) -> str:
    """The name of the world model."""
    names = [name for name, box in run.circuit.boxes.items() if isinstance(box, LatentModel)]
    if not names:
        raise RunError(f"{run.path}: its brain has no module of kind 'latent_model'. Train one with agent=planning.")
    return names[0]


def _came(circuit: Circuit, name: str, trace: Arrays) -> Arrays:
    """What the model heard, and its latent: `[T, B, ...]`."""
    times = trace[f"{name}.latent"].shape[0]
    sent = {port: fold(x) for port, x in trace.items()}
    inputs = circuit.gather(name, sent, {str(w): sent[w.start] for w in circuit.wires if w.target == name})
    reward = inputs["reward"].reshape(len(inputs["reward"]), -1).sum(axis=1)
    rows = {**inputs, "reward": reward, "latent": sent[f"{name}.latent"]}
    return {port: x.reshape((times, -1, *x.shape[1:])) for port, x in rows.items()}


def errors(model: LatentModel, came: Arrays, first: jax.Array, horizon: int) -> dict[str, Arrays]:
    """`{what: {predictor: [horizon]}}` from every moment on whose episode goes on that long; `first`: `[T, B]` bool.

    came: `[T, B, ...]`, of which `action` is that of the decision before.
    """
    starts = first.shape[0] - horizon
    latent, same = came["latent"][:starts], jnp.ones_like(first[:starts])
    names = ("latent", "reward", "observation", "value")
    table: dict[str, dict[str, list[jax.Array]]] = {n: {"model": [], "unchanged": [], "mean": []} for n in names}
    for h in range(1, horizon + 1):
        now = slice(h, h + starts)
        ahead = model.imagine(fold(latent), fold(came["action"][now]))
        latent, same = ahead.latent.reshape(latent.shape), same & ~first[now]
        predicted = {
            "latent": ahead.latent,
            "reward": ahead.reward,
            "observation": model.observation(ahead.latent),
            "value": model.value(ahead.latent),
        }
        for name, guess in predicted.items():
            truth = came[name][now]
            mean = jnp.broadcast_to(came[name].mean(axis=(0, 1)), truth.shape)
            guesses = {"model": guess.reshape(truth.shape), "unchanged": came[name][:starts], "mean": mean}
            for who, x in guesses.items():
                apart = jnp.square(x - truth).reshape(*same.shape, -1).mean(axis=-1)
                table[name][who].append(jnp.where(same, apart, 0.0).sum() / jnp.maximum(same.sum(), 1))
    return {name: {who: jnp.stack(x) for who, x in row.items()} for name, row in table.items()}
