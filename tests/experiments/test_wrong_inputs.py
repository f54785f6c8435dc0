"""What a user gets wrong: one message, exit code 2, nothing lost. (Wiring: tests/agent/mistakes.py.)"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jax.numpy as jnp
import pytest
import yaml

from envs.tasks.forage import Forage
from experiments.checkpoint import Checkpoints
from experiments.errors import RunError
from experiments.run import create, load
from experiments.train import train
from tests.experiments.conftest import TINY, Said

Command = Callable[..., Said]

OVERRIDES = [
    ("agent=gruu", ["agent=gruu", "Did you mean 'gru'?"]),
    ("agent/memory=episodc", ["agent/memory=episodc", "Did you mean 'episodic'?"]),
    ("agent/memori=none", ["agent/memori", "Did you mean 'agent/memory'?"]),
    ("task=forrage", ["task=forrage", "Did you mean 'forage'?"]),
    ("task.kind=forrage", ["no task 'forrage'", "Did you mean 'forage'?"]),
    ("task.goood=red", ["'goood'", "Did you mean 'good'?"]),
    ("task.good=gren", ["'gren'", "Did you mean 'green'?"]),
    ("env.body=rollr", ["no body 'rollr'", "Did you mean 'roller'?"]),
    ("env.engine=d", ["no engine 'd'", "auto, c, mjx"]),
    ("env.engin=c", ["env", "'engin'", "Did you mean 'engine'?"]),
    ("env.senses=[retna]", ["'retna'", "Did you mean 'retina'?"]),
    ("sed=1", ["'sed'", "Did you mean 'seed'?"]),
    ("seed=x", ["seed", "expected a whole number", "'x'"]),
    ("seed=-1", ["seed", "-1", "at least 0"]),
    ("total_decisions=0", ["total_decisions", "at least 1"]),
    ("learning.rate=abc", ["learning.rate", "expected a number", "'abc'"]),
    ("learning.minibatches=7", ["minibatches (7) must divide environments (256)"]),
    ("learning.policy=motor.polcy", ["motor.polcy", "Did you mean 'motor.policy'?"]),
    ("learning.losses={v1.rate_los: 1.0}", ["v1.rate_los", "Did you mean 'v1.rate_loss'?"]),
    ("agent.modules.v1.sise=3", ["agent.modules.v1", "'sise'", "Did you mean 'size'?"]),
    ("agent.modules.v1.tau_mem='20 mV'", ["agent.modules.v1.tau_mem", "in s", "'20 mV'"]),
    ("agent.modules.v2.size=3", ["agent.modules.v2.size=3", "no entry 'v2'", "Choose from: association"]),
    ("agent.modules.v1.size.x=3", ["agent.modules.v1.size.x=3", "plain value"]),
    ("agent.modules.v1={kind: lif2}", ["agent.modules.v1.kind", "Did you mean 'lif'?", "scrubjay modules"]),
    ("~seed", ["~seed", "nothing can be taken away"]),
    ("seed=[1", ["seed=[1", "cannot be read"]),
    ("no_equals_sign", ["no_equals_sign", "group=choice or a.b=value"]),
]


@pytest.mark.parametrize(("override", "texts"), OVERRIDES, ids=[o for o, _ in OVERRIDES])
def test_override(scrubjay: Command, tmp_path: Path, override: str, texts: list[str]) -> None:
    said = scrubjay("train", override, "--run", str(tmp_path / "run"))
    assert said.code == 2
    assert said.out == ""
    for text in texts:
        assert text in said.err
    assert not (tmp_path / "run").exists()


FILES = [
    ("agent:\n\tmodules: {}\n", ["broken.yaml: line 2", "spaces, not with tabs"]),
    ("modules: {a: [}\n", ["broken.yaml: line 1"]),
]


@pytest.mark.parametrize(("text", "texts"), FILES)
def test_own_config_file(
    scrubjay: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, texts: list[str]
) -> None:
    (tmp_path / "configs" / "agent").mkdir(parents=True)
    (tmp_path / "configs" / "agent" / "broken.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    said = scrubjay("graph", "agent=broken")
    assert said.code == 2
    for wanted in texts:
        assert wanted in said.err


def test_run_that_is_not_there(scrubjay: Command, tmp_path: Path) -> None:
    said = scrubjay("evaluate", str(tmp_path / "nowhere"))
    assert said.code == 2
    assert "no such directory" in said.err


def test_directory_that_is_no_run(scrubjay: Command, tmp_path: Path) -> None:
    said = scrubjay("watch", str(tmp_path))
    assert said.code == 2
    assert "has no config.yaml" in said.err


def test_run_directory_in_use(scrubjay: Command, trained: Path) -> None:
    said = scrubjay("train", *TINY, "--run", str(trained))
    assert said.code == 2
    for text in ("holds a run already", f"--resume {trained}", "--fresh"):
        assert text in said.err


def test_foreign_directory_is_never_deleted(scrubjay: Command, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    said = scrubjay("train", *TINY, "--run", str(tmp_path), "--fresh")
    assert said.code == 2
    assert "not empty" in said.err
    assert (tmp_path / "thesis.tex").read_text() == "precious"


def test_resume_with_overrides(scrubjay: Command, trained: Path) -> None:
    said = scrubjay("train", "--resume", str(trained), "seed=2")
    assert said.code == 2
    assert "--resume goes on with the run's own config" in said.err


def test_typo_in_the_runs_config(scrubjay: Command, copied: Path) -> None:
    values = yaml.safe_load((copied / "config.yaml").read_text())
    values["learning"]["epoch"] = 3
    (copied / "config.yaml").write_text(yaml.safe_dump(values))
    said = scrubjay("evaluate", str(copied))
    assert said.code == 2
    assert "Did you mean 'epochs'?" in said.err


def test_unknown_lesion(scrubjay: Command, trained: Path) -> None:
    said = scrubjay("evaluate", str(trained), "--lesion", "hipocampus")
    assert said.code == 2
    assert "Did you mean 'hippocampus'?" in said.err


def test_no_episodes(scrubjay: Command, trained: Path) -> None:
    said = scrubjay("evaluate", str(trained), "--episodes", "0")
    assert said.code == 2
    assert "not a positive whole number" in said.err


def test_replay_that_is_no_page(scrubjay: Command, trained: Path) -> None:
    said = scrubjay("watch", str(trained), "-o", "replay.mp4", "--no-open")
    assert said.code == 2
    assert ".html" in said.err


def test_graph_of_unknown_kind(scrubjay: Command, tmp_path: Path) -> None:
    said = scrubjay("graph", "-o", str(tmp_path / "brain.pdf"))
    assert said.code == 2
    assert ".svg, .html, .graphml, .json" in said.err


def test_unknown_module_kind(scrubjay: Command) -> None:
    said = scrubjay("modules", "liff")
    assert said.code == 2
    assert "Did you mean 'lif'?" in said.err


def damage(folder: Path, truncate: bool) -> Path:
    """Damages the largest data file of the newest checkpoint."""
    newest = max((folder / "checkpoints").glob("[0-9]*"), key=lambda p: int(p.name))
    file = max((f for f in newest.rglob("*") if f.is_file()), key=lambda f: f.stat().st_size)
    content = bytearray(file.read_bytes())
    if truncate:
        file.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 0xFF
        file.write_bytes(content)
    return newest


@pytest.mark.parametrize("truncate", [True, False], ids=["truncated", "one byte flipped"])
def test_damaged_checkpoint(scrubjay: Command, copied: Path, truncate: bool) -> None:
    newest = damage(copied, truncate)
    said = scrubjay("evaluate", str(copied))
    assert said.code == 2
    assert str(newest) in said.err
    assert "damaged" in said.err
    assert "Remove that folder" in said.err


def test_checkpoint_of_another_brain(scrubjay: Command, copied: Path) -> None:
    values = yaml.safe_load((copied / "config.yaml").read_text())
    values["agent"]["modules"]["prefrontal"]["size"] = 9
    (copied / "config.yaml").write_text(yaml.safe_dump(values))
    said = scrubjay("evaluate", str(copied))
    assert said.code == 2
    assert "belongs to another brain" in said.err


def test_no_checkpoint_yet(scrubjay: Command, copied: Path) -> None:
    (copied / "checkpoints").rename(copied / "elsewhere")
    said = scrubjay("evaluate", str(copied))
    assert said.code == 2
    assert "holds no complete checkpoint" in said.err


def test_two_trainings_in_one_directory(trained: Path) -> None:
    lock = load(trained).lock()
    try:
        with pytest.raises(RunError, match="in use by another training"):
            train(load(trained), resume=True)
    finally:
        lock.close()


def test_reward_that_is_not_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from experiments.config import composed

    honest = Forage.step

    def spoilt(self: Forage, *arguments: object) -> object:
        outcome = honest(self, *arguments)  # type: ignore[arg-type]
        return outcome._replace(terms={**outcome.terms, "bad": jnp.full_like(outcome.terms["bad"], jnp.nan)})

    monkeypatch.setattr(Forage, "step", spoilt)
    run = create(tmp_path / "run", composed([*TINY, "total_decisions=128"]))
    with pytest.raises(RunError) as caught:
        train(run)
    for text in ("reward/bad", "update 1", "seed 0", "forage", "No checkpoint was written yet"):
        assert text in str(caught.value)


def test_full_disk(tmp_path: Path) -> None:
    """A real limit on the size of files, in a process of its own: the older checkpoint survives."""
    code = (
        "import resource, signal, sys, numpy as np; from pathlib import Path\n"
        "from experiments.checkpoint import Checkpoints; from experiments.errors import RunError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "c = Checkpoints(Path(sys.argv[1])); c.save(1, {'x': np.arange(10)})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: c.save(2, {'x': np.random.default_rng(0).random(1_000_000)})\n"
        "except RunError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "run" / "checkpoints")],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        check=False,
    )
    assert "checkpoint 2 could not be written" in done.stdout, done.stderr
    assert "Make room" in done.stdout
    kept = Checkpoints(tmp_path / "run" / "checkpoints")
    assert kept.latest() == 1


def test_json_is_all_there_is(scrubjay: Command, trained: Path) -> None:
    said = scrubjay("evaluate", str(trained), "--episodes", "4", "--json")
    assert said.code == 0
    found = json.loads(said.out)["forage"]
    assert {"score", "low", "high", "mean", "null", "oracle", "episodes"} <= found.keys()
    assert found["episodes"] == 4
    assert found["low"] <= found["score"] <= found["high"]
