"""More that goes wrong around a training: files, disks, foreign directories. Nothing is lost, a remedy is named."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
import yaml

from experiments import checkpoint, folder
from experiments.checkpoint import Checkpoints
from experiments.config import composed
from experiments.errors import RunError
from experiments.run import create, load
from experiments.train import train
from tests.experiments.conftest import TINY, Said

Command = Callable[..., Said]

OVERRIDES = {
    "+seed=3": "override '+seed=3': a '+' is not needed here. Write 'seed=3'.",
    "seed=1,2": "override 'seed=1,2' names several values, but a run has one. Start a run for each.",
    "experiment=forage,demo": "override 'experiment=forage,demo' names several values",
    "=3": "override '=3' has no name. Write group=choice or a.b=value.",
    "agent@x=gru": "override 'agent@x=gru': a '@' says nothing here.",
    "lerning.steps=3": "override 'lerning.steps=3': in the config, no entry 'lerning'. Did you mean 'learning'?",
    "seed=99999999999": "seed: 99999999999 is out of range; it must be at least 0 and at most",
    "task.batch=3": "task: no task has an option 'batch'. Set learning.environments.",
    "task.body=x": "task: no task has an option 'body'. Set env.body.",
    "env.body=[1]": "env.body: expected a name such as 'roller'",
    "env.senses=retina": "env.senses: expected a list such as [retina, touch]",
    "env.senses={retina: 3}": "env.senses: expected a list such as [retina, touch]",
    "learning.losses=3": "learning.losses: expected a mapping, got 3.",
    "learning.losses={v1.rate_loss: abc}": "learning.losses.v1.rate_loss: expected a number as its weight, got 'abc'.",
    "learning.losses={v1.rate: 1}": "learning.losses: 'v1.rate' sends rate[128], but one number is wanted",
    "learning.policy=v1.rate": "learning.policy: 'v1.rate' sends rate[128], but a mean and a deviation per action is",
    "learning.value=v1.rate": "learning.value: 'v1.rate' sends rate[128], but one number is wanted",
    "agent.modules=3": "agent.modules: expected a mapping from names to modules, got 3.",
    "task.goods=9": "the arena has 1 to 8 things",
}


@pytest.mark.parametrize("override", OVERRIDES)
def test_override(scrubjay: Command, tmp_path: Path, override: str) -> None:
    said = scrubjay("train", override, "--run", str(tmp_path / "run"))
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("scrubjay train: ")
    assert OVERRIDES[override] in said.err
    assert not (tmp_path / "run").exists()


FLAGS = [
    (["trian"], "invalid choice: 'trian'", "Did you mean 'train'?"),
    (["train", "--rnu", "x"], "unrecognized arguments: --rnu", "Did you mean '--run'?"),
    (["evaluate", "x", "--lesoin", "v1"], "unrecognized arguments: --lesoin", "Did you mean '--lesion'?"),
    (["ledger", "x", "y"], "unrecognized arguments: y", "'scrubjay ledger --help'"),
    (["evaluate"], "the following arguments are required: RUN", "'scrubjay evaluate --help'"),
    (["evaluate", "x", "--episodes", "many"], "many is not a positive whole number", "'scrubjay evaluate --help'"),
    (["watch", "x", "--episodes", "-1"], "--episodes", "'scrubjay watch --help'"),
    (["train", "--resume"], "argument --resume: expected one argument", "'scrubjay train --help'"),
]


@pytest.mark.parametrize(("arguments", "what", "remedy"), FLAGS, ids=[" ".join(f[0]) for f in FLAGS])
def test_command_line(scrubjay: Command, arguments: list[str], what: str, remedy: str) -> None:
    said = scrubjay(*arguments)
    assert (said.code, said.out) == (2, "")
    assert what in said.err
    assert remedy in said.err
    assert said.err.count("\n") == 1


def test_through_a_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "experiments.cli", "evaluate", str(tmp_path / "nowhere")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"scrubjay evaluate: no run at {tmp_path}/nowhere: there is no such directory.")
    assert done.stderr.count("\n") == 1


OWN = {
    "list": ("- a\n", "list.yaml: expected a mapping with lines such as 'seed: 3', got a list."),
    "empty": ("", "empty.yaml: expected a mapping with lines such as 'seed: 3', got nothing."),
    "tab": ("kind: forage\n\tgoods: 2\n", "tab.yaml: line 2, column 1: found character '\\t'"),
    "broken": ("kind: [\n", "broken.yaml: line 2, column 1: "),
    "default": ("defaults:\n  - foo: bar\n", "Could not find 'task/foo/bar'. Mend it in "),
    "hole": ("kind: ${nope}\n", "Interpolation key 'nope' not found. Mend it in "),
}


@pytest.mark.parametrize("name", OWN)
def test_own_config(scrubjay: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    text, expected = OWN[name]
    (tmp_path / "configs" / "task").mkdir(parents=True)
    (tmp_path / "configs" / "task" / f"{name}.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    said = scrubjay("train", f"task={name}")
    assert said.code == 2
    assert expected in said.err
    assert not (tmp_path / "runs").exists()


def test_own_config_that_is_no_text(scrubjay: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "configs" / "task").mkdir(parents=True)
    (tmp_path / "configs" / "task" / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    monkeypatch.chdir(tmp_path)
    assert "bytes.yaml cannot be read: 'utf-8' codec" in scrubjay("train", "task=bytes").err


RUN_CONFIGS = {
    "tab": ("\tseed: 1\n", "config.yaml: line 1, column 1: found character '\\t'"),
    "list": ("- 1\n", "config.yaml: expected a mapping"),
    "typo": (
        "agent: {}\ntask: {kind: forage}\nsede: 1\n",
        "config.yaml: config: no option 'sede'. Did you mean 'seed'?",
    ),
    "foreign": ("debug: true\n", "config.yaml: config: option 'agent' is missing"),
}


@pytest.mark.parametrize("name", RUN_CONFIGS)
def test_config_of_a_run(scrubjay: Command, tmp_path: Path, name: str) -> None:
    text, expected = RUN_CONFIGS[name]
    (tmp_path / "config.yaml").write_text(text)
    for command in (["evaluate"], ["watch"], ["train", "--resume"]):
        said = scrubjay(*command, str(tmp_path))
        assert said.code == 2
        assert f"{tmp_path}/{expected}" in said.err


def test_a_missing_run_lists_those_nearby(scrubjay: Command, tmp_path: Path) -> None:
    for name in ("jay", "crow"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").touch()
    said = scrubjay("evaluate", str(tmp_path / "jey"))
    assert f"Did you mean {tmp_path}/jay? Runs there: {tmp_path}/crow, {tmp_path}/jay." in said.err
    said = scrubjay("evaluate", str(tmp_path))
    assert f"{tmp_path} is not a run: it has no config.yaml." in said.err
    assert f"Runs there: {tmp_path}/crow, {tmp_path}/jay." in said.err


FOREIGN = ["config.yaml", "metrics.csv", "notes.txt", "checkpoints/precious"]


@pytest.mark.parametrize("name", FOREIGN)
def test_fresh_deletes_nobody_elses_files(scrubjay: Command, tmp_path: Path, name: str) -> None:
    """Not even those of a project that has a config.yaml of its own."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("name: somebody else's\n")
    said = scrubjay("train", "agent=gru", "--run", str(tmp_path), "--fresh")
    assert said.code == 2
    assert said.err == (
        f"scrubjay train: {tmp_path} is not empty and holds no run. Choose another directory with --run.\n"
    )
    assert (tmp_path / name).read_text() == "name: somebody else's\n"


def test_fresh_deletes_the_run_and_keeps_the_rest(copied: Path) -> None:
    (copied / "notes.txt").write_text("mine")
    folder.make_room(copied, fresh=True)
    assert sorted(p.name for p in copied.iterdir()) == [".lock", "notes.txt"]


def test_fresh_leaves_a_running_training_alone(copied: Path) -> None:
    with load(copied).lock(), pytest.raises(RunError, match=r"is in use by another training\. Wait for it"):
        folder.make_room(copied, fresh=True)
    assert int(load(copied).learner().updates) == 2


def test_fresh_that_was_killed_can_be_done_again(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            folder.make_room(copied, fresh=True)
    folder.make_room(copied, fresh=True)
    assert [p.name for p in copied.iterdir()] == [".lock"]


def test_a_run_that_was_killed_while_it_began_can_be_begun_again(tmp_path: Path) -> None:
    (tmp_path / ".config.yaml.part").write_text("agent: {mod")
    folder.make_room(tmp_path, fresh=False)


def test_the_directory_is_a_file(scrubjay: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = scrubjay("train", "agent=gru", "--run", str(tmp_path / "file"))
    assert said.err == f"scrubjay train: {tmp_path}/file is a file. Name a directory for the run.\n"


def test_a_place_that_cannot_be_written(scrubjay: Command) -> None:
    said = scrubjay("train", "agent=gru", "--run", "/proc/run")
    assert said.code == 2
    assert "/proc/run cannot be written: " in said.err
    assert "Choose another directory or make room." in said.err
    said = scrubjay("graph", "agent=gru", "-o", "/proc/brain.svg")
    assert said.code == 2
    assert "/proc/brain.svg cannot be written: " in said.err


def files(copied: Path) -> list[Path]:
    newest = copied / "checkpoints" / "2"
    return [p for p in sorted(newest.rglob("*")) if p.is_file() and p.stat().st_size and p.name != "commit_success.txt"]


def test_every_file_of_a_checkpoint_cut_short(copied: Path) -> None:
    """Whichever file is cut: the numbers are right, or the checkpoint is refused."""
    run = load(copied)
    whole = checkpoint.flatten(run.learner())
    refused = {}
    for path in files(copied):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        try:
            found = checkpoint.flatten(load(copied).learner())
        except RunError as error:
            refused[path.name] = str(error)
        else:
            assert {n: a.tobytes() for n, a in found.items()} == {n: a.tobytes() for n, a in whole.items()}, path
        path.write_bytes(content)
    for message in refused.values():
        assert message.startswith(f"checkpoint {copied}/checkpoints/2 is damaged: ")
        assert message.endswith("Remove that folder to go back to the one before it.")
    assert {"metadata", "_METADATA", "manifest.ocdbt"} <= refused.keys()
    shutil.rmtree(copied / "checkpoints" / "2")
    assert int(load(copied).learner().updates) == 1


def test_numbers_that_changed_are_noticed(copied: Path) -> None:
    """Even where every file is in order: one bit of one weight."""
    place = copied / "checkpoints" / "2"
    digests = next(p for p in (place / "digests").iterdir() if p.name == "metadata")
    values = json.loads(digests.read_text())
    name = next(n for n in values if n.startswith("params/"))
    values[name] = "0" * 64
    digests.write_text(json.dumps(values))
    with pytest.raises(RunError, match=f"the numbers of {name} are not those that were written"):
        load(copied).learner()


def test_looking_for_checkpoints_makes_no_folder(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "checkpoints").latest() is None
    with pytest.raises(RunError, match=r"holds no complete checkpoint\. Train first: scrubjay train --resume"):
        Checkpoints(tmp_path / "checkpoints").load({"x": np.zeros(1)})
    assert list(tmp_path.iterdir()) == []


def test_a_save_that_fails_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import orbax.checkpoint as ocp

    kept = Checkpoints(tmp_path / "run" / "checkpoints")
    kept.save(1, {"x": np.arange(3)})

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(ocp.StandardCheckpointHandler, "save", full)
        patched.setattr(ocp.StandardCheckpointHandler, "async_save", full, raising=False)
        with pytest.raises(RunError) as caught:
            kept.save(2, {"x": np.arange(3) + 1})
    assert "checkpoint 2 could not be written: [Errno 28] No space left on device" in str(caught.value)
    assert f"is 1. Make room, then go on with --resume {tmp_path}/run" in str(caught.value)
    again = Checkpoints(tmp_path / "run" / "checkpoints")
    np.testing.assert_array_equal(again.load({"x": np.zeros(3, int)})["x"], [0, 1, 2])
    again.tidy()
    again.save(2, {"x": np.arange(3) + 1})
    assert again.all() == [1, 2]


def test_half_written_checkpoints_are_swept_up(copied: Path) -> None:
    part = copied / "checkpoints" / "3.orbax-checkpoint-tmp-123"
    shutil.copytree(copied / "checkpoints" / "2", part)
    assert load(copied).checkpoints.latest() == 2
    assert part.is_dir()  # looking is not tidying
    train(load(copied), resume=True)
    assert not part.exists()


def test_metrics_that_cannot_be_written(copied: Path) -> None:
    (copied / "metrics.csv").unlink()
    (copied / "metrics.csv").mkdir()
    with pytest.raises(RunError, match=f"{copied} cannot be written: .*Make room, then go on with --resume {copied}"):
        train(load(copied), resume=True)


def test_out_of_memory(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def huge(*_: object, **__: object) -> None:
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 10000000000 bytes.")

    monkeypatch.setattr("experiments.train.start", huge)
    with pytest.raises(RunError, match=r"out of memory\. Lower learning\.environments"):
        train(load(copied), resume=True)


def test_a_run_without_its_description_is_described(copied: Path) -> None:
    """Killed right after config.yaml was there."""
    for name in ("graph.svg", "graph.json", "environment.json"):
        (copied / name).unlink()
    train(load(copied), resume=True)
    assert all((copied / name).is_file() for name in ("graph.svg", "graph.json", "environment.json"))


def test_rewards_that_are_not_numbers_keep_the_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task in a file of its own, whose reward breaks down after the first update."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "cursed.py").write_text(CURSED)
    tasks = sys.modules["envs.tasks"]
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path / "tasks")])
    tiny = [t for t in TINY if t.startswith("learning")]
    values = composed([*tiny, "agent=gru", "task.kind=cursed", "total_decisions=256", "checkpoint_every=1"])
    run = create(tmp_path / "run", values)
    with pytest.raises(RunError) as caught:
        train(run)
    message = str(caught.value)
    for text in (f"{run.path}: ", "reward/luck", "in update 2 (seed 0)", "The task 'cursed'", "mend its term"):
        assert text in message
    assert message.endswith("Checkpoint 1 from before is kept.")
    assert int(load(run.path).learner().updates) == 1
    assert len((run.path / "metrics.csv").read_text().splitlines()) == 2
    assert yaml.safe_load((run.path / "config.yaml").read_text())["task"]["kind"] == "cursed"


CURSED = '''"""Pays with numbers that are none after 10 control steps."""

from dataclasses import dataclass

import jax.numpy as jnp

from envs.tasks.forage import Forage


@dataclass(frozen=True)
class Cursed(Forage):
    terms = ("good", "bad", "luck")

    def step(self, state, *arguments):
        outcome = super().step(state, *arguments)
        luck = jnp.where(state.time > 20, jnp.nan, 0.0)
        return outcome._replace(terms={**outcome.terms, "luck": luck})
'''
