"""Every mistake in a brain's config gives one message that names the place and the remedy; tested by its full text."""

from __future__ import annotations

import pytest

import agent
from tests.agent.mistakes import CASES, GOOD, with_module, with_option


@pytest.mark.parametrize("mistake", list(CASES))
def test_message(mistake: str) -> None:
    brain, expected = CASES[mistake]
    with pytest.raises(agent.ConfigError) as caught:
        agent.build(brain)
    assert str(caught.value) == expected


def test_the_good_brain_is_good() -> None:
    assert list(agent.build(GOOD).modules) == ["retina", "soma", "v1", "motor"]


def test_all_problems_are_shown_at_once() -> None:
    brain = with_option("v1", kind="lief")
    brain["modules"]["soma"]["width"] = -1
    brain["wires"] += ["retna.code -> motor.drive", "motor -> body"]
    with pytest.raises(agent.WiringError) as caught:
        agent.build(brain)
    assert str(caught.value) == (
        "4 problems:\n"
        "  - agent.modules.soma.width: -1 is out of range; it must be at least 1 (units of the code).\n"
        "  - agent.modules.v1.kind: no kind 'lief'. Did you mean 'lif'? 'scrubjay modules' lists them all.\n"
        "  - wire 'motor -> body' cannot be read. Write 'module.port -> module.port', or add '@ delay=1' at its end.\n"
        "  - wire 'retna.code -> motor.drive': no module 'retna'. Did you mean 'retina'?"
    )


def test_sums_must_be_of_equal_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = agent.kinds()["critic"]
    monkeypatch.setattr(kind, "inputs", {"state": agent.Input("sum")})
    with pytest.raises(agent.WiringError) as caught:
        agent.build(with_module("value", {"kind": "critic"}, "soma.code -> value.state", "v1.rate -> value.state"))
    assert str(caught.value) == (
        "wire 'v1.rate -> value.state': 'value.state' adds up equal shapes, but 'v1.rate' sends [64] beside [32]. "
        "Make them equal, or join them in a fusion module."
    )
