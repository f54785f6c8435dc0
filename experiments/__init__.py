"""Where brain and world meet: training, scores, lesions, replays, benchmarks, and the `scrubjay` command.

run = experiments.load("runs/demo")
circuit, env, learner = run.circuit, run.env, run.learner()
"""

from experiments.run import Run, create, load, ports

__all__ = ["Run", "create", "load", "ports"]
