"""Configs: composed from groups and values, extended by the user's own folder, and written out for good."""

from __future__ import annotations

from pathlib import Path

import jax
import pytest
import yaml

from agent.errors import ConfigError
from experiments import config
from experiments.config import choices, composed, experiment, known_groups
from experiments.run import Run, create, load, resolved
from tests.experiments.conftest import TINY


def setup_of(*overrides: str) -> config.Experiment:
    return experiment(composed(overrides))


def test_groups_swap_parts() -> None:
    modules = setup_of("agent/memory=none", "agent/motor=spiking", "agent/retina=transformer").agent["modules"]
    assert modules["hippocampus"]["kind"] == "none"
    assert modules["hippocampus"]["like"]["kind"] == "episodic_memory"
    assert modules["motor"]["kind"] == "spiking_motor"
    assert modules["retina"]["kind"] == "retina_transformer"
    assert "hippocampus" not in setup_of("agent=gru").agent["modules"]


def test_values_are_set() -> None:
    setup = setup_of("total_decisions=3_000_000", "learning.rate=3e-4", "seed=7", "agent.modules.v1.tau_mem='10 ms'")
    assert (setup.total_decisions, setup.learning.rate, setup.seed) == (3_000_000, 3e-4, 7)
    run = Run(Path("unused"), setup)
    assert run.circuit.modules["v1"].tau_mem == pytest.approx(0.01)
    assert setup_of("learning.losses={v1.rate_loss: 1.5}").learning.losses == {"v1.rate_loss": 1.5}
    assert setup_of("env.senses=[retina,touch]").env.senses == ["retina", "touch"]
    assert setup_of("env.body={kind: roller, mass: 2.0}").env.body == {"kind": "roller", "mass": 2.0}


def test_the_last_of_two_values_counts_and_groups_come_before_values() -> None:
    assert setup_of("seed=1", "seed=2").seed == 2
    assert setup_of("total_decisions=9", "experiment=demo").total_decisions == 9


def test_an_experiment_sets_values() -> None:
    assert setup_of("experiment=forage").total_decisions == 5_000_000
    assert setup_of().total_decisions == 2_000_000


BRAINS = {
    "agent/language": "ground",
    "agent/planner": "planning",
    "agent/modulators": "meta",
    "agent/controller": "deliberate",
    "agent/arbiter": "deliberate",
}
"""Brains that have a part which the default brain has not."""


def test_every_choice_of_every_group_composes() -> None:
    assert {"agent", "agent/memory", "env", "experiment", "learning", "task"} <= set(known_groups())
    for group in known_groups():
        brain = [f"agent={BRAINS[group]}"] if group in BRAINS else []
        for choice in choices(group):
            experiment(composed([*brain, f"{group}={choice}"]))


def test_updates_are_those_that_fit() -> None:
    setup = setup_of("learning.environments=16", "learning.steps=10", "total_decisions=1000")
    assert setup.updates == 6
    assert setup_of("total_decisions=1").updates == 1


@pytest.mark.parametrize("name", ["plain", "it's, a [strange] = {name}"])
def test_own_folder_adds_choices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    own = tmp_path / name / "configs"
    (own / "task").mkdir(parents=True)
    (own / "task" / "sparse.yaml").write_text("kind: forage\ngoods: 1\n")
    monkeypatch.chdir(tmp_path / name)
    assert setup_of("task=sparse").task == {"kind": "forage", "goods": 1}
    assert setup_of("agent=gru").task == {"kind": "forage"}
    with pytest.raises(ConfigError, match=r"override task=spars: no choice 'spars'\. Did you mean 'sparse'\?"):
        composed(["task=spars"])


def test_own_folder_cannot_shadow_what_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silently, one of the two would be ignored; a copy of ours (a checkout beside an installed wheel) is fine."""
    (tmp_path / "configs" / "task").mkdir(parents=True)
    file = tmp_path / "configs" / "task" / "forage.yaml"
    file.write_bytes((config.FOLDER / "task" / "forage.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert setup_of("task=forage").task["kind"] == "forage"
    file.write_text("kind: forage\ngoods: 1\n")
    with pytest.raises(
        ConfigError, match=r"task/forage\.yaml: task=forage ships with Scrubjay already\. Give your own"
    ):
        composed(["task=forage"])


def test_a_config_survives_being_written(trained: Path) -> None:
    """Read back from config.yaml, a run is the run that wrote it: the same brain, world and weights."""
    run = load(trained)
    again = Run(trained, experiment(yaml.safe_load(yaml.safe_dump(resolved(run)))))
    assert resolved(again) == resolved(run) == yaml.safe_load((trained / "config.yaml").read_text())
    original = Run(trained, experiment(composed([*TINY, "total_decisions=128", "checkpoint_every=1"])))
    assert resolved(original) == resolved(run)
    assert original.circuit.modules == run.circuit.modules
    for a, b in zip(*(jax.tree.leaves(r.circuit.init(jax.random.key(0))) for r in (original, run)), strict=True):
        assert a.tobytes() == b.tobytes()


def test_a_run_does_not_follow_defaults_that_change(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No config file is read, and no default of an option is left to the code."""
    before = resolved(load(trained))
    monkeypatch.setattr(config, "FOLDER", tmp_path / "gone")
    assert resolved(load(trained)) == before
    values = yaml.safe_load((trained / "config.yaml").read_text())
    assert {"goods", "bads", "horizon", "reach"} <= values["task"].keys()
    assert {"kind", "mass", "radius", "tau"} <= values["env"]["body"].keys()
    assert values["env"]["senses"]["retina"] == {"rays": 32, "field": 180.0, "side": "both"}
    assert {"ticks", "rate", "tau_mem", "size"} <= values["agent"]["modules"]["v1"].keys()
    assert {"clip", "discount", "trace", "rate"} <= values["learning"].keys()


def test_older_configs_without_written_defaults_load(trained: Path, tmp_path: Path) -> None:
    values = yaml.safe_load((trained / "config.yaml").read_text())
    values["task"], values["env"] = {"kind": "forage"}, {}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values))
    assert resolved(load(tmp_path)) == resolved(load(trained))


def test_imperfect_senses_round_trip(tmp_path: Path) -> None:
    """With every option written out; and what the senses are, not only what the file says, is the same again."""
    senses = "{retina: {side: left, noise: 0.05, rate: 5}, touch: {dropout: 1.0}, proprioception: {compass: false}}"
    others = "action: {}, reward: {}, interoception: {delay: 2}}"
    run = create(tmp_path / "run", composed([*TINY, f"env.senses={senses[:-1]}, {others}"]))
    written = yaml.safe_load((run.path / "config.yaml").read_text())["env"]["senses"]
    perfect = {"rate": 10.0, "delay": 0, "noise": 0.0, "dropout": 0.0}
    assert written["retina"] == {"rays": 32, "field": 180.0, "side": "left"} | perfect | {"noise": 0.05, "rate": 5.0}
    assert written["touch"] == perfect | {"dropout": 1.0}
    assert written["proprioception"] == {"compass": False}
    assert list(written) == ["retina", "touch", "proprioception", "action", "reward", "interoception"]
    again = load(run.path)
    assert resolved(again) == resolved(run)
    assert again.env.senses == run.env.senses


def test_what_a_run_directory_holds(trained: Path) -> None:
    environment = yaml.safe_load((trained / "environment.json").read_text())
    assert {"command", "commit", "packages", "python", "platform", "devices"} <= environment.keys()
    assert environment["packages"]["mujoco"] != "not installed"
    for name in ("graph.svg", "graph.json", "metrics.csv", "checkpoints/1", "checkpoints/2", "events"):
        assert (trained / name).exists(), name
    assert list((trained / "events").glob("events.out.tfevents.*"))


def test_a_new_run_makes_its_folders(tmp_path: Path) -> None:
    run = create(tmp_path / "a" / "b", composed(["agent=gru", *(t for t in TINY if t.startswith("learning"))]))
    assert (run.path / "config.yaml").is_file()
    assert resolved(load(run.path)) == resolved(run)
