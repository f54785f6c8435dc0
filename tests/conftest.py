"""What all tests share: the CPU, strict shapes for the brain, the same random numbers every time.

There is no compilation cache here: tests of exact resume compare bits, so every program is compiled where it runs.
Set JAX_COMPILATION_CACHE_DIR for one of your own.
"""

from __future__ import annotations

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")  # before jax is first imported
# Programs here cost more to compile than to run.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=1")

import shutil
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAPPINGS = Path("/proc/self/maps")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if find_chromium() is None:
        skip = pytest.mark.skip(reason="found no Chromium (Debian: apt install chromium)")
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(skip)


def find_chromium() -> str | None:
    """Path of the browser that the tests of the replay page drive, if there is one."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a headless-capable Chromium; for tests marked `browser`."""
    path = find_chromium()
    assert path, "a test that needs a browser must be marked `browser`"  # those marked are skipped where there is none
    return path


@pytest.fixture(autouse=True)
def strict_ranks(request: pytest.FixtureRequest) -> Iterator[None]:
    """For tests of the brain, `[B] + [B, 1]` is an error rather than a `[B, B]` (mjx itself broadcasts like that)."""
    strict = Path(__file__).parent / "agent" in request.path.parents
    with jax.numpy_rank_promotion("raise" if strict else "allow"):
        yield


@pytest.fixture(autouse=True)
def few_programs() -> Iterator[None]:
    """Between tests, lets go of compiled programs once they are many. Each holds pages of memory mapped, of which Linux
    gives a process 65,530 (`vm.max_map_count`); the thousands of programs of all tests need more, and XLA crashes."""
    yield
    if MAPPINGS.exists() and MAPPINGS.read_bytes().count(b"\n") > 20_000:
        jax.clear_caches()


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Tests take their randomness from keys and generators; this holds third-party code that does not."""
    np.random.seed(0)  # noqa: NPY002


@pytest.fixture
def key() -> jax.Array:
    return jax.random.key(0)
