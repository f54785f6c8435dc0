"""`bench memory`: exact search for the eight nearest of many keys, beside faiss's IndexFlat, one thread each."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from agent.memory.search import nearest
from experiments.bench.timing import alternate, peer
from experiments.provenance import circumstances

FEATURES, COUNT = 128, 8
SIZES = {
    "65,536 keys, 256 queries": (65_536, 256, 1),
    "65,536 keys, 1 query": (65_536, 1, 50),
    "1 M keys, 256 queries": (1 << 20, 256, 1),
}
"""Keys, queries, and how often a turn asks."""
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def bench(turns: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Queries per CPU-second, medians over alternating turns; ratios turn by turn; how many of faiss's are found."""
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {ONE_THREAD}"  # read when JAX first computes
    faiss: Any = peer("faiss")
    faiss.omp_set_num_threads(1)
    rates: dict[str, float] = {}
    ratios: dict[str, float] = {}
    recall: dict[str, float] = {}
    for name, (size, batch, times) in SIZES.items():
        random = np.random.default_rng(0)
        keys, queries = (random.standard_normal((n, FEATURES), dtype=np.float32) for n in (size, batch))
        jobs, found = _jobs(faiss, keys, queries, times)
        measured = {who: rate.per_cpu_second for who, rate in alternate(jobs, turns).items()}
        recall[name] = found
        rates |= {f"{who}: {name}": statistics.median(values) for who, values in measured.items()}
        for who in ("faiss", "products alone"):
            pairs = zip(measured["ours"], measured[who], strict=True)
            ratios[f"ours / {who}: {name}"] = statistics.median(a / b for a, b in pairs)
        say(f"{name}: {ratios[f'ours / faiss: {name}']:.2f} of faiss, recall {recall[name]:.4f}")
    return {
        "per_cpu_second": rates,
        "unit": "queries",
        "ratios": ratios,
        "recall": recall,
        "turns": turns,
        "measured": circumstances(),
    }


def _jobs(faiss: Any, keys: np.ndarray, queries: np.ndarray, times: int) -> tuple[dict[str, Any], float]:
    """What takes turns, and the part of faiss's answers that are ours too."""
    index = faiss.IndexFlatIP(FEATURES)
    index.add(keys)  # pyright: ignore[reportCallIssue]
    ours, held, asked = jax.jit(lambda q, k: nearest(q, k, COUNT)), jnp.asarray(keys), jnp.asarray(queries)
    products = jax.jit(lambda q, k: jax.lax.map(lambda chunk: (q @ chunk.T).max(), k.reshape(-1, 2048, FEATURES)))
    jobs = {
        "ours": lambda: [jax.block_until_ready(ours(asked, held)) for _ in range(times)],
        "faiss": lambda: [index.search(queries, COUNT)[1][0, 0] for _ in range(times)],
        "products alone": lambda: [jax.block_until_ready(products(asked, held)) for _ in range(times)],
    }
    mine, theirs = np.asarray(ours(asked, held)[1]), index.search(queries, COUNT)[1]
    same = np.mean([len(set(a) & set(b)) / COUNT for a, b in zip(mine, theirs, strict=True)])
    return {who: (job, len(queries) * times) for who, job in jobs.items()}, float(same)
