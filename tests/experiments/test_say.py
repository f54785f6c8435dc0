"""A sentence of one's own: how it is heard, what is new about it, and what cannot be said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import agent
from agent.language.frozen_text import FrozenTextConfig, embedded, embeddings
from agent.ports import Port, Ports
from envs.tasks.ground import Ground
from experiments import say as module
from experiments.config import composed, experiment
from experiments.errors import RunError
from experiments.hearing import code
from experiments.run import Run
from experiments.say import Told, say, trained_on
from experiments.watch.words import captions, events
from tests.experiments.conftest import Said

BERT = str(Path(__file__).parents[1] / "agent" / "language" / "bert")
KNOWN = ("go to the red stone", "go to the blue pillar", "go to the green mushroom", "walk up to the blue stone")
HEARD = frozenset(tuple(text.split()) for text in KNOWN)


def brain(**language: Any) -> tuple[Any, Any]:
    """A run with a brain that only listens, in a world that says `KNOWN`; and weights for it."""
    mapping = {
        "modules": {"language": {"width": 8, **language}, "motor": {"kind": "gaussian_motor"}},
        "wires": [
            "body.sentence -> language.sentence",
            "language.code -> motor.drive",
            "body.action -> motor.previous",
            "motor.action -> body.action",
        ],
    }
    senses = Ports(sentence=Port((), "index", "int32", labels=KNOWN), action=Port((3,)))
    circuit = agent.build(mapping, senses, Port((3,), "action"))
    return SimpleNamespace(path="runs/x", circuit=circuit), circuit.init(jax.random.key(0))


def heard(run: Any, params: Any, row: int) -> np.ndarray:
    box = run.circuit.with_weights("language", params)
    return np.asarray(box((), {"sentence": jnp.array([row])}, jax.random.key(0))[1]["code"][0])


@pytest.mark.parametrize("options", [{}, {"whiten": 0.5}, {"opening": False, "whiten": 1.0}])
def test_a_known_sentence_is_embedded_as_in_training(options: dict[str, Any]) -> None:
    """Bit for bit, so that what is taken off is that of the training's sentences; a new one has its own."""
    config = FrozenTextConfig(model=BERT, **options)
    np.testing.assert_array_equal(embedded(config, KNOWN, KNOWN), embeddings(config, KNOWN))
    new = embedded(config, KNOWN, ["dance with the blue pillar"])
    assert np.square(new).mean() == pytest.approx(1.0, abs=1e-5)
    assert np.abs(new - embeddings(config, KNOWN)).max(1).min() > 0.01


@pytest.mark.parametrize("language", [{"kind": "frozen_text", "model": BERT}, {"kind": "learned_text", "features": 8}])
def test_what_is_known_is_heard_as_in_training(language: dict[str, Any]) -> None:
    run, params = brain(**language)
    for row, text in enumerate(KNOWN):
        np.testing.assert_allclose(
            code(run, params, "language", text)["language.code"], heard(run, params, row), atol=1e-6
        )
    new = np.asarray(code(run, params, "language", "go to the red mushroom")["language.code"])
    assert min(np.abs(new - heard(run, params, row)).max() for row in range(len(KNOWN))) > 1e-3


def test_noise_is_around_what_is_said() -> None:
    """The mean of many hearings, and a deviation of noise times the weights; what is typed is heard without it."""
    run, params = brain(kind="frozen_text", model=BERT, noise=0.5)
    keys, rows = jax.random.split(jax.random.key(1), 4000), jnp.ones(4000, int)
    box = run.circuit.with_weights("language", params)
    found = np.asarray(box((), {"sentence": rows}, keys)[1]["code"])
    clear = code(run, params, "language", KNOWN[1])["language.code"]
    spread = 0.5 * np.linalg.norm(np.asarray(params["language"]["readout"]["kernel"]), axis=0)
    np.testing.assert_allclose(found.mean(0), clear, atol=0.1 * spread.max())
    np.testing.assert_allclose(found.std(0), spread, rtol=0.1)


def test_a_shuffled_brain_hears_what_it_was_given() -> None:
    run, params = brain(kind="frozen_text", model=BERT, shuffled=True)
    found = code(run, params, "language", "Go to the blue pillar!")["language.code"]
    np.testing.assert_allclose(found, heard(run, params, 1), atol=1e-6)
    with pytest.raises(RunError, match=r"shuffled gives every sentence the embedding of another one.*none of its 4"):
        code(run, params, "language", "dance")


def test_learned_words_end_where_training_ended() -> None:
    run, params = brain(kind="learned_text", features=8)
    with pytest.raises(RunError, match=r"--say 'find it': 'find' outside the words of training.*agent/language=frozen"):
        code(run, params, "language", "find it", {"find": ()})
    long = "go to the red stone the blue pillar"
    with pytest.raises(RunError, match=r"it has 8 words, but the language module 'language' learned places for 6"):
        code(run, params, "language", long)


def run_of(*overrides: str) -> Run:
    return Run(Path("runs/x"), experiment(composed(overrides)))


@pytest.mark.parametrize(
    ("overrides", "text", "scene", "complaint"),
    [
        (["task=forage"], "go", "fitting", "runs/x was trained on 'forage', where nobody says what to go to"),
        (["task=hopper", "agent=reflex"], "go", "fitting", "runs/x was trained on 'hopper'"),
        (["task=ground"], "go", "fitting", "this brain hears no sentences: nothing is wired to body.sentence"),
        (["experiment=ground", "agent/language=learned"], " ?! ", "fitting", "--say '?!': there is no word in it"),
        (["experiment=ground", "agent/language=learned"], "go", "any", "--scene any: choose from fitting, random."),
    ],
)
def test_mistakes(overrides: list[str], text: str, scene: str, complaint: str) -> None:
    with pytest.raises(RunError) as caught:
        say(run_of(*overrides), text, scene)
    assert complaint in str(caught.value)


def test_what_is_new_about_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words outside of training with those near to them; a new sentence of known words; a scene that cannot be made."""
    run, params = brain(kind="frozen_text", model=BERT)
    run.env = SimpleNamespace(task=Ground())
    monkeypatch.setattr(module, "_check", lambda *_: None)
    monkeypatch.setattr(module, "trained_on", lambda run: HEARD)
    known = say(run, "go to the  blue pillar", params=params)
    assert (known.text, known.known, known.remarks()) == ("go to the blue pillar", True, [])
    assert known.task.row == Ground().sentences.index("go to the blue pillar")
    new = say(run, "walk up to the green stone", params=params)
    assert new.remarks() == ["Its training never said this sentence, but all words of it."]
    strange = say(run, "dance with the blu pillar", params=params)
    assert strange.task is None
    assert strange.strange["blu"] == ("blue",)
    assert strange.remarks() == [
        "'dance' is no word of its training.",
        "'with' is no word of its training.",
        "'blu' is no word of its training; near: 'blue'.",
        "The scene is drawn at random: what is touched is told, but not whether it was meant.",
    ]
    assert say(run, "go to the blue pillar", "random", params).task is None


def test_what_training_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Held-out nouns, neighbours and words are none of it."""
    monkeypatch.setattr(module, "_DRAWS", 1 << 13)
    run: Any = SimpleNamespace(env=SimpleNamespace(task=Ground(), body=None))
    found = {" ".join(words) for words in trained_on(run)}
    assert {"go to the blue pillar", "walk up to the big thing"} <= found
    assert found.isdisjoint(
        {"go to the red pillar", "find the blue pillar", "go to the green pillar left of the red stone"}
    )


def frame(**what: Any) -> Any:
    return SimpleNamespace(**{"first": False, "reward": {}, "said": "", "account": "", **what})


def test_captions_and_events() -> None:
    frames = [frame(first=True, said="sing"), frame(said="sing", account="touched nothing", reward={"right": 1.0})]
    time = np.array([0.0, 0.1])
    assert list(captions(frames, time)) == [(0.0, "“sing”"), (0.1, "“sing”: touched nothing")]
    assert list(events(frames, time, np.zeros(2, int))) == [
        (0.0, "episode 1 begins: “sing”"),
        (0.1, "right +1"),
        (0.1, "touched nothing"),
    ]
    dear = [frame(reward={"time": -0.1, "food": food}) for food in (0.0, 0.0, 1.0)]
    assert list(events(dear, np.arange(3.0), np.zeros(3, int))) == [(2.0, "food +1")]
    silent = [frame(first=True), frame(account="touched nothing")]
    assert list(captions(silent, time)) == []


def test_the_command(scrubjay: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence goes from the command to the recorder; what is remarked goes to stderr, what happened to stdout."""
    from tests.experiments.synthetic_trace import synthetic_trace

    trace, seen = synthetic_trace(2.0, episodes=1), []
    told = Told("sing", None, {}, False, {"sing": ("sang",)})
    monkeypatch.setattr("experiments.run.load", lambda folder: SimpleNamespace(path=Path(folder)))
    monkeypatch.setattr("experiments.say.say", lambda run, text, scene: seen.append((text, scene)) or told)
    monkeypatch.setattr("experiments.watch.record.record", lambda *given: seen.append(given[1:]) or trace)
    page = str(tmp_path / "page.html")
    said = scrubjay("watch", "runs/x", "--say", "sing", "--seed", "3", "-o", page, "--no-open")
    assert said.code == 0
    assert seen == [("sing", "fitting"), (1, 3, told)]
    assert said.err.splitlines()[0] == "'sing' is no word of its training; near: 'sang'."
    assert said.out.splitlines()[0] == "   0.0 s  “go to the first thing”"
    assert "--scene random is for a sentence" in scrubjay("watch", "runs/x", "--scene", "random", "-o", page).err


def test_captions_are_kept_in_a_trace(tmp_path: Path) -> None:
    from experiments.watch.trace import Trace
    from tests.experiments.synthetic_trace import synthetic_trace

    trace = replace(synthetic_trace(2.0, episodes=1), captions=((0.0, "“sing”"),))
    assert Trace.load(trace.save(tmp_path / "t.npz")).captions == ((0.0, "“sing”"),)
