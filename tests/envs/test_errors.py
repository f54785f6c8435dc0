"""Every mistake gets one clear message: place, value, near match, choices, remedy."""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import envs

MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"task": "forrage"}, "no task 'forrage'. Did you mean 'forage'? Choices: ant, detour, dmp, forage"),
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


@pytest.mark.parametrize(
    ("name", "shape", "text"),
    [
        (
            "forage",
            (2, 5),
            "forage: step got an action of shape [2, 5], but [2, 3] is wanted: 2 environments, 3 numbers",
        ),
        (
            "forage",
            (2, 1),
            "forage: step got an action of shape [2, 1], but [2, 3] is wanted: 2 environments, 3 numbers",
        ),
        ("forage", (3,), "forage: step got an action of shape [3], but [2, 3] is wanted"),
        ("reacher", (4, 2), "reacher: step got an action of shape [4, 2], but [2, 2] is wanted"),
        ("CartPole-v1", (2, 3), "CartPole-v1: step got an action of shape [2, 3], but [2, 2] is wanted"),
    ],
)
def test_an_action_of_another_shape(name: str, shape: tuple[int, ...], text: str) -> None:
    """Refused while the program is traced, before anything is compiled or broadcast."""
    env: Any = envs.make(name, batch=2) if name.islower() else envs.from_gymnasium(name, batch=2)
    with pytest.raises(envs.EnvError, match=re.escape(text)):
        jax.eval_shape(lambda key: env.step(env.reset(key)[0], jnp.ones(shape)), jax.random.key(0))
