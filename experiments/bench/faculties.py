"""`bench faculties`: what trained brains keep, relearn and plan, where it tells whether a faculty is there."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any, NamedTuple

import numpy as np

from agent.circuit import Params
from agent.registry import kind_of
from envs import baseline
from experiments.altered import altered
from experiments.errors import RunError
from experiments.evaluate import means, measure, player
from experiments.provenance import circumstances
from experiments.run import Run
from experiments.seeds import decisions, figure, seeds_of
from experiments.wipe import parse_wipe

STORE = "hippocampus"


class Condition(NamedTuple):
    """A world for a trained brain, and what it has to do without there."""

    world: tuple[str, ...] = ()  # what is set anew
    wiped: tuple[str, ...] = ()  # see `experiments.wipe`
    lesioned: tuple[str, ...] = ()  # modules that send but their mean

    @property
    def modules(self) -> list[str]:
        """Those that a brain must have for it."""
        held = [text.split(".")[2] for text in self.world if text.startswith("agent.modules.")]
        return [*held, *self.lesioned, *(text.partition("@")[0] for text in self.wiped)]


def _delayed(kind: str, steps: int, *wiped: str) -> Condition:
    """DMP with a delay before trial 2 that is dark, or filled with FORAGE."""
    return Condition((f"task.delay={steps}", f"task.distractor={str(kind == 'distractor').lower()}"), wiped)


_AS_TESTED = ("task.open=0.0", "task.look=15")
_BARRIERS = {
    "transparent": ("task.split=transparent",),
    "transparent, not to be seen": ("task.split=transparent", "task.tint=0.0"),
    "shortcut": ("task.split=shortcut",),
}
"""Those that planning should be needed for."""

CONDITIONS: dict[str, dict[str, Condition]] = {
    "dmp": {
        "no delay": _delayed("dark", 0),
        **{f"{kind} {steps}": _delayed(kind, steps) for kind in ("dark", "distractor") for steps in (100, 200, 400)},
        "no delay, wiped": _delayed("dark", 0, f"{STORE}@2"),
        "dark 400, wiped": _delayed("dark", 400, f"{STORE}@2"),
        "distractor 400, wiped": _delayed("distractor", 400, f"{STORE}@2"),
        "cells never used": Condition(("task.delay=100", "task.split=cells")),
        "forage": Condition(("task=forage",)),
        "forage, without memory": Condition(("task=forage",), lesioned=(STORE,)),
    },
    "reversal": {split: Condition((f"task.split={split}",)) for split in ("train", "pairs", "new")}
    | {
        "pairs, noradrenaline held at 0": Condition(("task.split=pairs", "agent.modules.locus.noradrenaline=0.0")),
        "pairs, neuromodulators at their mean": Condition(("task.split=pairs",), lesioned=("locus", "modulators")),
        "pairs, nothing expected of things": Condition(("task.split=pairs",), lesioned=("orbitofrontal",)),
        "pairs, without memory": Condition(("task.split=pairs",), lesioned=(STORE,)),
        "pairs, working memory at its mean": Condition(("task.split=pairs",), lesioned=("prefrontal",)),
    },
    "detour": {
        **{split: Condition((f"task.split={split}", *_AS_TESTED)) for split in ("train", "longer", "open")},
        **{
            f"{title}{how}": Condition((*world, *_AS_TESTED, *gate))
            for title, world in _BARRIERS.items()
            for how, gate in (("", ()), (", never planning", ("agent.modules.controller.gate=-100.0",)))
        },
    },
}


def bench(folders: Sequence[str], episodes: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Scores and measures of every run in every condition of its task; runs are grouped by name but for the last `-N`.

    A score stands between the task's strongest scripted null (0) and its oracle (1). The figure of a condition is the
    mean over runs; its interval is a 95 % bootstrap over them.
    """
    found = {}
    for name, runs in seeds_of(folders).items():
        task = runs[0].setup.task["kind"]
        if task not in CONDITIONS:
            raise RunError(f"{runs[0].path} was trained on {task!r}; bench faculties knows {', '.join(CONDITIONS)}.")
        weights = [run.learner().params for run in runs]
        rows = {}
        for title, condition in conditions(task, _there(runs[0])).items():
            rows[title] = scored(runs[0], weights, episodes, condition)
            say(f"{name}, {title}: " + ", ".join(f"{what} {row['mean']:.3f}" for what, row in rows[title].items()))
        seeds = [run.setup.seed for run in runs]
        found[name] = {"task": task, "seeds": seeds, "decisions": decisions(runs[0]), "conditions": rows}
    return {"faculties": found, "episodes": episodes, "measured": circumstances()}


def _there(run: Run) -> list[str]:
    """The modules that do something."""
    return [name for name, config in run.circuit.modules.items() if kind_of(config) != "none"]


def conditions(task: str, modules: Container[str]) -> dict[str, Condition]:
    """Those of a task, without those that are about what a brain does not have."""
    return {title: each for title, each in CONDITIONS[task].items() if all(name in modules for name in each.modules)}


def scored(run: Run, weights: Sequence[Params], episodes: int, condition: Condition = Condition()) -> dict[str, Any]:  # noqa: B008
    """The score and every measure of a task that its episodes say anything of: mean over seeds, interval, and each."""
    run = altered(run, condition.world)
    forgotten = [parse_wipe(text, run) for text in condition.wiped]
    play, ends = player(run, episodes, wipes=forgotten), baseline(run.setup.world)
    seeds: list[dict[str, float]] = []
    for params in weights:
        clamp = means(run, params, condition.lesioned) if condition.lesioned else {}
        played = play(params, clamp)
        found = {what: part.mean for what, part in measure(run, played).items()}
        metric = found.get(run.env.task.metric, float(played.values.mean()))  # type: ignore[attr-defined]
        seeds.append({"score": float(ends.score(metric)), **found})
    rows = {what: np.array([each[what] for each in seeds]) for what in seeds[0]}
    return {what: figure(values) for what, values in rows.items() if np.isfinite(values).all()}
