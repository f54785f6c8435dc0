"""Other people's worlds: any Gymnasium environment as a world for a brain.

    env = envs.from_gymnasium("HalfCheetah-v5", batch=16)

Beside the observation's ports (`envs.spaces`) a brain gets its last `action`, an efference copy, and its last `reward`.

A Gymnasium environment keeps its state to itself. It lives on the host, called from inside the program; the state that
travels through the program is only a token: which life, and how many decisions of it. Where a token is not the one that
the host holds (after a restart from a checkpoint, or a step from an old state) the episodes are cut off as `bad`, and
new ones begin. So everything is reproducible from the start, but a resumed training is another one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.envs.functional_jax_env import FunctionalJaxEnv

from envs import spaces
from envs.base import TimeStep, check_action
from envs.host import Host, Shown
from envs.registry import EnvError

OURS = "scrubjay/"


class ForeignState(NamedTuple):
    """A token, with what was shown last; plain arrays with the leading axis B."""

    life: jax.Array  # [B] uint32, the seeds that the environments started from
    count: jax.Array  # [B] uint32, decisions made
    observation: dict[str, jax.Array]
    last: jax.Array  # [B] bool, the next step starts a new episode


class Foreign:
    """A batch of one Gymnasium environment; satisfies `envs.base.Env`. Build it with `envs.from_gymnasium`."""

    def __init__(self, name: str, batch: int, options: Mapping[str, Any]) -> None:
        self.name, self.batch, self.options = name, batch, dict(options)
        one = made(name, self.options)
        place = f"env.id={name}"
        senses, actions = spaces.ports(one.observation_space, place), spaces.size(one.action_space, place)
        one.close()
        extra = {
            "action": gymnasium.spaces.Box(-1.0, 1.0, (actions,), np.float32),
            "reward": gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32),
        }
        if both := sorted(senses.keys() & extra.keys()):
            raise EnvError(
                f"{place}: its observation has a part {both[0]!r}, as every world has. Rename it in a wrapper."
            )
        self.observation_space = gymnasium.spaces.Dict({**senses, **extra})
        self.action_space = extra["action"]
        self._shapes = {name: tuple(space.shape or ()) for name, space in self.observation_space.items()}
        self._host = Host(name, lambda: made(name, self.options), batch)

    def reset(self, key: jax.Array) -> tuple[ForeignState, TimeStep]:
        """Starts every environment. Environment i has its own stream of seeds, whatever the batch."""
        streams = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(self.batch, dtype=jnp.uint32))
        seeds = jax.vmap(lambda stream: jax.random.bits(stream, (), jnp.uint32))(streams)
        blank = {name: jnp.zeros((self.batch, *self._shapes[name])) for name in self._shapes}
        state = ForeignState(seeds, jnp.zeros(self.batch, jnp.uint32), blank, jnp.ones(self.batch, bool))
        return self.step(state, jnp.zeros_like(blank["action"]))

    def step(self, state: ForeignState, action: jax.Array) -> tuple[ForeignState, TimeStep]:
        """One decision; `action` `[B, A]` is clipped to -1..1. Where it has a NaN, the episode is cut off as bad."""
        check_action(self.name, self, action)
        flags = jax.ShapeDtypeStruct((self.batch,), jnp.bool_)
        like = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), state)
        shapes = (like.count, Shown(like.observation, jax.ShapeDtypeStruct((self.batch,), jnp.float32), *(flags,) * 4))
        # Pure as far as the program knows: what is not needed is not called, and the token keeps calls in order.
        count, shown = jax.pure_callback(
            self._host, shapes, state.life, state.count, state.observation, state.last, action
        )
        step = TimeStep(
            shown.observation,
            shown.reward,
            {"reward": shown.reward},
            1.0 - shown.ended,
            shown.first,
            shown.ended | shown.cut_off,
            shown.bad,
        )
        return ForeignState(state.life, count, shown.observation, step.last), step


def made(name: str, options: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
    """`gymnasium.make`, with its complaints in our words."""
    if name.startswith(OURS):
        raise EnvError(f"env.id={name} is a world of ours. Choose env=arena and its task instead.")
    try:
        env = gymnasium.make(name, **options)
    except gymnasium.error.UnregisteredEnv as error:
        raise _unknown(name) from error
    except Exception as error:  # whatever other people's code raises: no such option, a missing package, no display
        given = f" with env.options={dict(options)}" if options else ""
        raise EnvError(f"env.id={name} could not be made{given}: {type(error).__name__}: {_short(error)}") from error
    if isinstance(env.unwrapped, FunctionalJaxEnv):
        raise EnvError(f"env.id={name} computes with JAX itself, which cannot be called from inside our JAX program.")
    return env


def _unknown(name: str) -> EnvError:
    """The error for a name that is not registered, with the newest version of the nearest one that is."""
    known = [other for other in gymnasium.registry if not other.startswith(OURS)]
    near = difflib.get_close_matches(_stem(name), {_stem(other) for other in known}, n=1)
    versions = [other for other in known if near and _stem(other) == near[0]]
    hint = f" Did you mean {max(versions, key=lambda n: (len(n), n))!r}?" if versions else ""
    return EnvError(
        f"env.id: no Gymnasium environment {name!r}.{hint} gymnasium.pprint_registry() lists them; one of a package of "
        "yours is named 'package:Name-v0'."
    )


def _stem(name: str) -> str:
    """A name without its version, in small letters."""
    return re.sub(r"-v\d+$", "", name).lower()


def _short(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else "it says no more"
