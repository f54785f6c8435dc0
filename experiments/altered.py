"""A trained brain in another world, or with a gate held: what is set anew must leave its weights as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import jax

import envs
from agent.config import plain
from agent.errors import ConfigError, unknown
from agent.ports import Port, Ports
from envs.joint import Joint
from experiments import overrides as changes
from experiments.config import experiment, known_groups
from experiments.errors import RunError
from experiments.run import Run, ports, resolved

PARTS = {
    "task": "task.split=pairs",
    "env": "env.threads=1",
    "agent.modules": "agent.modules.controller.gate=1",
}
"""What can be set for a brain that is trained already, with an example each."""


def altered(run: Run, overrides: Sequence[str]) -> Run:
    """The same run with `task.split=pairs`, `env.body.changes={mass: 2.0}` and the like; itself without any.

    `task=dmp` puts the brain into another task, with default options; or of a joint run into that one of its tasks.
    `agent.modules.planner.every=1` sets an option of a module, as far as its weights are the same with it.

    ConfigError where an override is of something else, or where the brain would sense or move otherwise than in
    training.
    """
    if not overrides:
        return run
    parsed = changes.parsed(overrides)
    for override in parsed:
        run = _in_task(run, str(override.value())) if override.key_or_group == "task" else run
    values = plain(run.setup)
    parsed = [override for override in parsed if override.key_or_group != "task"]
    for override in parsed:
        key, text = override.key_or_group, override.input_line
        if key not in known_groups():
            changes.check_group(override, known_groups())
        if key in PARTS:
            raise ConfigError(f"override {text!r}: say which value of it: {key}.NAME=value, such as {PARTS[key]}.")
        if "/" in key or not any(key.startswith(f"{part}.") for part in PARTS):
            raise ConfigError(
                f"override {text!r}: the brain is trained, so that only its world and options of its modules can be "
                f"set: {', '.join(PARTS.values())}."
            )
        changes.apply(values, override)
    other = replace(run, setup=experiment(values), trained=run.trained or run)
    senses, action = ports(run.env)
    seen, moved = ports(other.env)
    problems = [
        f"it knows {n}: {port}, {_instead(n, port, seen)}" for n, port in senses.items() if not _same(n, port, seen)
    ]
    if action != moved:
        problems.append(f"it moves by {action}, but here {moved} is wanted")
    if problems:
        raise ConfigError(
            f"{' '.join(overrides)}: another world than the brain of {run.path} was trained for: "
            f"{'; '.join(problems)}. Leave that as it was, or train a brain for it."
        )
    _check_weights(run, other, overrides)
    return other


def _check_weights(run: Run, other: Run, overrides: Sequence[str]) -> None:
    """ConfigError where modules would have other weights."""
    before, after = (jax.eval_shape(each.circuit.init, jax.random.key(0)) for each in (run, other))
    found = [repr(name) for name in before if before[name] != after[name]]
    if found:
        raise ConfigError(
            f"{' '.join(overrides)}: the weights of {', '.join(found)} were trained for something else. Set what "
            "leaves them as they are, or train a brain with it."
        )


def apart(run: Run) -> dict[str, Run]:
    """The brain of a joint run in each of its tasks alone, by their names; any other run by that of its world."""
    if not isinstance(run.env, Joint):
        return {run.setup.world: run}
    env = replace(run.setup.env, senses=resolved(run)["env"]["senses"])
    tasks = {name: {"kind": name, **options} for name, options in run.setup.task["tasks"].items()}
    trained = run.trained or run
    return {
        name: replace(run, setup=replace(run.setup, task=task, env=env), trained=trained)
        for name, task in tasks.items()
    }


def _in_task(run: Run, name: str) -> Run:
    """The brain in a task that it learned among others, or in any other one."""
    tasks, known = apart(run), (*envs.tasks(), *envs.controls())
    if name in tasks:
        return tasks[name]
    if name not in known:
        raise ConfigError(f"override task={name}: {unknown('task', name, known)}")
    part = next(iter(tasks.values()))
    return replace(part, setup=replace(part.setup, task={"kind": name}), trained=run.trained or run)


def alone(run: Run) -> Run:
    """The run itself, whose brain is in one task; RunError where it is in several."""
    if isinstance(run.env, Joint):
        raise RunError(f"{run.path} learned {len(run.env.worlds)} tasks. Name one: task={next(iter(run.env.worlds))}")
    return run


def _same(name: str, port: Port, others: Ports) -> bool:
    """Whether a sense gives the same numbers with the same meaning."""
    return name in others and others[name] == port and others[name].labels == port.labels


def _instead(name: str, port: Port, others: Ports) -> str:
    if name not in others:
        return "which is not there"
    if others[name] != port:
        return f"but here it is {others[name]}"
    return f"but what its numbers mean is another: {len(others[name].labels)} labels in place of {len(port.labels)}"
