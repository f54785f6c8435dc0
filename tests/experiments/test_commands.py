"""The command: help with examples everywhere, and JSON that is JSON and nothing else."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import pytest

import envs
import experiments
from experiments import commands, doctor
from experiments.cli import EXAMPLES, ORDER, parse
from tests.experiments.conftest import TINY, Said

Command = Callable[..., Said]
COMMANDS = sorted(m.name for m in pkgutil.iter_modules(commands.__path__))


def test_help_lists_every_command_with_examples(scrubjay: Command) -> None:
    said = scrubjay("--help")
    assert said.code == 0
    assert EXAMPLES in said.out
    for name in COMMANDS:
        assert f"\n    {name} " in said.out
    assert set(COMMANDS) == set(ORDER)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_has_examples(scrubjay: Command, name: str) -> None:
    said = scrubjay(name, "--help")
    assert said.code == 0
    examples = said.out.partition("\nexamples:\n")[2].splitlines()
    assert examples
    assert all(line.startswith(f"  scrubjay {name}") for line in examples if line)


def examples() -> list[list[str]]:
    import importlib
    import shlex

    docs = [importlib.import_module(f"experiments.commands.{name}").__doc__ or "" for name in COMMANDS]
    lines = [line for doc in docs for line in doc.partition("\nexamples:\n")[2].splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.strip()]


@pytest.mark.parametrize("arguments", examples(), ids=" ".join)
def test_the_examples_are_understood(arguments: list[str]) -> None:
    args = parse(arguments)
    if args.command in ("train", "graph"):
        from experiments.config import composed, experiment

        experiment(composed(args.overrides))


def test_help_needs_no_jax() -> None:
    code = (
        "import sys; from experiments.cli import main\n"
        "try: main(['--help'])\n"
        "finally: print('jax' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "False\n"


def test_without_a_command_there_is_a_remedy(scrubjay: Command) -> None:
    said = scrubjay()
    assert said.code == 2
    assert "'scrubjay --help' shows what there is" in said.err


def test_overrides_may_stand_on_both_sides_of_options() -> None:
    args = parse(["train", "seed=1", "--run", "x", "agent=gru", "--json", "keep=2"])
    assert (args.overrides, args.folder, args.json) == (["seed=1", "agent=gru", "keep=2"], "x", True)
    assert parse(["train", "--run", "x", "seed=1"]).overrides == ["seed=1"]


def test_python_users_have_the_same() -> None:
    assert all(callable(getattr(experiments, name)) for name in experiments.__all__)
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        experiments.lode  # noqa: B018


def the_json(said: Said) -> dict:
    assert said.code == 0
    assert said.out.count("\n") == 1
    return json.loads(said.out)


def test_modules(scrubjay: Command) -> None:
    found = the_json(scrubjay("modules", "--json"))
    assert {"lif", "gru", "episodic_memory", "none"} <= found.keys()
    assert found["lif"]["options"]["tau_mem"]["unit"] == "s"
    assert list(the_json(scrubjay("modules", "gru", "--json"))) == ["gru"]
    shown = scrubjay("modules", "lif").out
    assert "option tau_mem" in shown
    assert "input  current" in shown
    listed = scrubjay("modules").out.splitlines()
    assert [line.split()[0] for line in listed] == sorted(found)


def test_tasks(scrubjay: Command) -> None:
    found = the_json(scrubjay("tasks", "--json"))
    assert set(found) == set(envs.tasks())
    assert found["forage"]["baseline"]["oracle"] > found["forage"]["baseline"]["null"]
    shown = scrubjay("tasks").out
    for text in ("forage", "goods=3", "bodies: ", "senses: ", "engines: "):
        assert text in shown


def test_parts_of_bodies(scrubjay: Command, tmp_path: Path) -> None:
    """Every listed body shows its parts; a file's are shown without registering it; mistakes are named."""
    shown = scrubjay("tasks").out
    assert "car: 2 motor commands, radius 0.07 m, 1 kg, physics step 5 ms" in shown
    assert all(f"{name}: " in shown for name in envs.bodies())
    assert the_json(scrubjay("tasks", "--body", "arm", "--json"))["actuators"] == ["shoulder", "elbow", "wrist"]
    file = tmp_path / "puck.xml"
    file.write_text(
        "<mujoco><worldbody><body><freejoint name='root'/><geom size='0.05'/><site name='s'/></body></worldbody>"
        "<actuator><motor name='push' site='s' gear='1'/></actuator></mujoco>"
    )
    assert "joints: root (free)\n  actuators: push" in scrubjay("tasks", "--body", str(file)).out
    assert "no body 'carr'. Did you mean 'car'?" in scrubjay("tasks", "--body", "carr").err


def test_tasks_without_a_baseline_are_listed(scrubjay: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envs.baselines._stored", lambda: {"format": 1, "tasks": {}})
    assert the_json(scrubjay("tasks", "--json"))["forage"]["baseline"] is None
    assert "python -m envs.baselines forage computes it" in scrubjay("tasks").out


CHECKS = [
    doctor.Finding("works", True, "well", needed=True),
    doctor.Finding("optional", False, "not there", "Install it."),
]


def test_doctor(scrubjay: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: CHECKS)
    found = the_json(scrubjay("doctor", "--json"))
    assert found["optional"] == {"works": False, "needed": False, "found": "not there", "remedy": "Install it."}
    shown = scrubjay("doctor")
    assert shown.code == 0
    assert "ok       works" in shown.out
    assert "Install it." in shown.out
    missing = doctor.Finding("needed", False, "broken", "Mend it.", needed=True)
    monkeypatch.setattr(doctor, "examine", lambda: [missing])
    shown = scrubjay("doctor")
    assert shown.code == 1
    assert "MISSING  needed" in shown.out


def test_the_doctor_survives_whatever_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise SystemError("first line\nsecond line")

    for check in ("_devices", "_rendering", "_weights", "_browser", "_disk"):
        monkeypatch.setattr(doctor, check, broken)
    monkeypatch.setattr(doctor, "_engine", lambda name: f"stepped {name}")
    found = {f.name: f for f in doctor.examine()}
    assert found["python"].works
    assert found["engine mjx"].works
    assert not found["devices"].works
    assert found["devices"].found == "first line"
    assert all(f.remedy for f in found.values() if not f.works)


@pytest.mark.slow
def test_the_doctor_tries_things(scrubjay: Command) -> None:
    found = the_json(scrubjay("doctor", "--json"))
    for name in ("python", "devices", "engine c", "engine mjx"):
        assert found[name]["works"], found[name]


def test_graph(scrubjay: Command, tmp_path: Path) -> None:
    listed = scrubjay("graph", "agent=gru")
    assert listed.code == 0
    assert "association.code -> prefrontal.input" in listed.out
    target = tmp_path / "brain.json"
    assert scrubjay("graph", "agent/memory=none", "-o", str(target)).out == f"{target}\n"
    graph = nx.node_link_graph(json.loads(target.read_text()), edges="edges")
    assert graph.nodes["hippocampus"]["kind"] == "none"


def test_train_prints_json(scrubjay: Command, copied: Path) -> None:
    """Of a run that is complete already, and of one whose metrics were deleted."""
    found = the_json(scrubjay("train", "--resume", str(copied), "--json"))
    assert found == {"run": str(copied), "decisions": 128, "score": None, "return": None}  # no episode was over
    (copied / "metrics.csv").unlink()
    found = the_json(scrubjay("train", "--resume", str(copied), "--json"))
    assert found == {"run": str(copied), "decisions": 0, "score": None, "return": None}
    said = scrubjay("train", "--resume", str(copied))
    assert said.out == f"run: {copied}\nnext: scrubjay evaluate {copied}\n      scrubjay watch {copied}\n"


def test_interrupted_training_says_how_to_go_on(
    scrubjay: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("experiments.train.train", interrupted)
    monkeypatch.chdir(tmp_path)
    said = scrubjay("train", "agent=gru")
    (folder,) = (tmp_path / "runs").iterdir()
    assert said.code == 130
    assert said.err == f"go on with: scrubjay train --resume runs/{folder.name}\ninterrupted\n"
    assert scrubjay("train", "agent=gru").code == 130  # in the same second, perhaps
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_a_brain_learns_in_a_machine_of_gymnasium(scrubjay: Command, tmp_path: Path) -> None:
    """From the command to the end, with a mean return in place of a score; what needs the arena says so."""
    folder = str(tmp_path / "run")
    tiny = [t for t in TINY if t.startswith("learning")]
    told = scrubjay("train", "task=hopper", "agent=reflex", *tiny, "total_decisions=128", "--run", folder, "--json")
    assert the_json(told)["score"] is None
    assert scrubjay("train", "--resume", folder).code == 0
    assert "hopper: mean return " in scrubjay("evaluate", folder, "--episodes", "4").out
    assert "body.retina" in scrubjay("train", "task=hopper").err
    assert "cannot be chosen" in scrubjay("train", "task=hopper", "agent=reflex", "env.body={kind: roller}").err
