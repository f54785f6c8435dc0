"""`bench language`: sentences by MiniLM beside sentence-transformers, and what hearing them costs a brain."""

from __future__ import annotations

import os
import random
import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from agent.circuit import Circuit
from agent.language import sentences, weights
from experiments.bench.timing import alternate, peer
from experiments.config import composed, experiment
from experiments.fetch import fetch
from experiments.run import circumstances, make_env, ports

EXTRA = "bench-language"
MODEL, BATCH, WORDS, TICKS = "minilm", 32, 14, 64
"""14 words of one token each, and the two that begin and end a sentence."""


def bench(turns: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Sentences per CPU-second, new ones and known ones, and decisions per CPU-second; alternating turns.

    Both take as many threads as this process may use cores. On busy cores PyTorch's threads burn CPU time in waiting
    for each other, so pin the process to one: `taskset -c 0 scrubjay bench language`.
    """
    path = fetch(MODEL)
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    peer("torch", EXTRA).set_num_threads(threads)
    theirs: Any = peer("sentence_transformers", EXTRA).SentenceTransformer(str(path), device="cpu")
    encode = partial(theirs.encode, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
    fresh, known = _sentences(0), next(_sentences(1))
    off = float(abs(sentences.embed(MODEL, known) - encode(known)).max())
    say(f"{threads} threads; {BATCH} sentences of 16 tokens, largest difference {off:.1e}")
    many = 50  # a batch of known ones takes less than clocks can tell
    rates = alternate(
        {
            "ours, new": (lambda: sentences.embed(MODEL, next(fresh)), BATCH),
            "sentence-transformers, new": (lambda: encode(next(fresh)), BATCH),
            "ours, known": (lambda: [sentences.embed(MODEL, known) for _ in range(many)], many * BATCH),
            "sentence-transformers, known": (lambda: encode(known), BATCH),
        },
        turns,
    )
    say("a brain with and without words ...")
    ticks = alternate({name: _ticks(given=name == "given") for name in ("frozen", "given")}, turns)
    new, old = (_ratios(rates, f"ours, {what}", f"sentence-transformers, {what}") for what in ("new", "known"))
    brains = _ratios(ticks, "given", "frozen")
    return {
        "per_cpu_second": {name: rate.plain()["per_cpu_second"] for name, rate in rates.items()},
        "unit": "sentences",
        "decisions_per_cpu_second": {name: rate.plain()["per_cpu_second"] for name, rate in ticks.items()},
        "ratios": {
            "ours / sentence-transformers, new sentences": statistics.median(new),
            "ours / sentence-transformers, known sentences": statistics.median(old),
            "tick with frozen_text / tick without": statistics.median(brains),
        },
        "range of ratios": {
            "new": [min(new), max(new)],
            "known": [min(old), max(old)],
            "tick": [min(brains), max(brains)],
        },
        "largest difference": off,
        "threads": threads,
        "turns": turns,
        "measured": circumstances(),
    }


def _sentences(seed: int) -> Any:
    """Batches of sentences that were never there before, of words that are one token each."""
    vocabulary = sentences.tokenizer(weights.find(MODEL)).get_vocab()
    words = sorted(word for word in vocabulary if word.isascii() and word.isalpha() and len(word) > 2)
    draw = random.Random(seed)
    while True:
        yield [" ".join(draw.choices(words, k=WORDS)) for _ in range(BATCH)]


def _ratios(rates: dict[str, Any], ours: str, theirs: str) -> list[float]:
    """Turn by turn."""
    return [a / b for a, b in zip(rates[ours].per_cpu_second, rates[theirs].per_cpu_second, strict=True)]


def _ticks(given: bool) -> tuple[Callable[[], Any], int]:
    """Decisions of the brain that GROUND is learned with, the world left out, and how many they are.

    With `given`, numbers stand where its `frozen_text` would send some, which then does not run; all else does.
    """
    import agent

    setup = experiment(composed(["experiment=ground"]))
    env = make_env(setup, setup.learning.environments)
    circuit: Circuit = agent.build(setup.agent, *ports(env))
    key = jax.random.key(0)
    params, state = circuit.init(key), circuit.initial(env.batch)
    senses = circuit.outputs["body"]

    @jax.jit
    def live(params: Any, state: Any, clamp: Any) -> Any:
        def tick(state: Any, key: jax.Array) -> tuple[Any, jax.Array]:
            observation = {
                name: jax.random.randint(key, (env.batch, *port.shape), 0, max(len(port.labels), 1))
                if port.dtype == "int32"
                else jax.random.uniform(key, (env.batch, *port.shape))
                for name, port in senses.items()
            }
            keys = jax.random.split(key, env.batch)
            state, action, _ = circuit.step(params, state, observation, jnp.zeros(env.batch, bool), keys, clamp=clamp)
            return state, action

        return jax.lax.scan(tick, state, jax.random.split(key, TICKS))

    code = jax.random.normal(key, (env.batch, *circuit.port("language.code").shape))
    clamp = {"language.code": code} if given else {}
    return lambda: live(params, state, clamp), TICKS * env.batch
