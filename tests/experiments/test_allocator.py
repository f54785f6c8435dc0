"""Freed memory is kept: using it again brings no page faults, as the kernel counts them."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys, numpy as np
from experiments.allocator import keep_memory
if sys.argv[1] == "keep":
    keep_memory()
for _ in range(2):
    np.ones(1 << 24)  # 128 MB, beyond what glibc itself ever learns to keep
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    np.ones(1 << 24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(keep: str, **variables: str) -> int:
    run = [sys.executable, "-c", SCRIPT, keep]
    return int(subprocess.run(run, env=os.environ | variables, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt(3)")
def test_memory_is_kept_unless_the_environment_says_otherwise() -> None:
    without = faults("leave")
    assert without > 100
    assert faults("keep") < without / 10
    assert faults("keep", MALLOC_TOP_PAD_="131072") > without / 2
