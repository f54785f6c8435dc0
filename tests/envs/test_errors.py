"""Every mistake gets one clear message: place, value, near match, choices, remedy."""

from __future__ import annotations

import re
from typing import Any

import pytest

import envs

MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"task": "forrage"}, "no task 'forrage'. Did you mean 'forage'? Choices: ant, forage"),
    ({"body": "rolller"}, "no body 'rolller'. Did you mean 'roller'? Choices: "),
    ({"engine": "mujoco"}, "no engine 'mujoco'."),
    ({"engine": "mxj"}, "no engine 'mxj'. Did you mean 'mjx'? Choices: auto, c, mjx, warp"),
    ({"senses": ["retinna"]}, "no sense 'retinna'. Did you mean 'retina'?"),
    (
        {"senses": {"retina": {"ray": 8}}},
        "no option of retina 'ray'. Did you mean 'rays'? Choices: delay, dropout, field, noise, rate, rays, side.",
    ),
    (
        {"senses": {"retina": {"side": "lefft"}}},
        "no choice of retina.side 'lefft'. Did you mean 'left'? Choices: both, left",
    ),
    ({"god": "blue"}, "no option of forage 'god'. Did you mean 'good'?"),
    ({"good": "gren"}, "no choice of forage.good 'gren'. Did you mean 'green'? Choices: blue, cyan, green"),
    ({"goods": "three"}, "forage.goods: 'three' is a str, but a int is wanted, for example 3."),
    ({"goods": 6}, "forage.goods + forage.bads is 9; the arena has 1 to 8 things."),
    ({"radius": 0.5}, "forage.radius is 0.5 m; things are 0.02 to 0.15 m."),
    ({"margin": 0.01}, "forage.margin is 0.01 m; it must lie between the radius and 0.5 m."),
    ({"horizon": 0}, "forage.horizon is 0;"),
    ({"walls": "landmarks"}, "Did you mean 'landmark'?"),
    ({"batch": 0}, "batch is 0; a positive whole number of environments is wanted"),
    ({"batch": 2.5}, "batch is 2.5;"),
    ({"threads": -1}, "threads is -1;"),
    ({"body": {"kind": "roller", "masss": 2.0}}, "no option of roller 'masss'. Did you mean 'mass'?"),
]


@pytest.mark.parametrize(("options", "text"), MISTAKES, ids=[text[:40] for _, text in MISTAKES])
def test_mistakes(options: dict[str, Any], text: str) -> None:
    with pytest.raises(envs.EnvError, match=re.escape(text)):
        envs.make(**{"task": "forage", **options})


def test_errors_are_value_errors() -> None:
    assert issubclass(envs.EnvError, ValueError)


def test_a_baseline_of_no_task() -> None:
    with pytest.raises(envs.EnvError, match=r"no task 'forag'\. Did you mean 'forage'\?"):
        envs.baseline("forag")
