"""A world model: what the next moment will be like, given what is done now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from agent.config import option
from agent.layers import dense, flatten
from agent.module import Arrays, Module, State
from agent.planning.model import Imagined
from agent.ports import MODEL, Input, Port, Ports
from agent.registry import register

ERRORS = ("latent", "reward", "observation", "value")
"""What is predicted: each has a loss port `<name>_loss` and a signal `<name>_error`, by horizon."""


@dataclass(frozen=True)
class Motion:
    """What a reading of 1 means of the first three numbers observed, to tell a path of them."""

    forward: float = option(1.5, "speed along the heading", unit="m/s")
    lateral: float = option(1.5, "speed to the left", unit="m/s")
    yaw: float = option(6.0, "rate of turning to the left", unit="rad/s")


@register("latent_model")
@dataclass(frozen=True)
class LatentModelConfig:
    """A deterministic model in a latent space, without a decoder of what is seen (Schrittwieser et al. 2020).

    z = norm(E s), z' = norm(z + F relu(W [z, a])), norm to a root mean square of 1; reward, observation and value are
    read from it. At every decision the prediction made `horizon` decisions ago is compared with all that came since:
    latents as in SPR (Schwarzer et al. 2021) with the latent that the brain has now, value with that of the critic.
    """

    inputs: ClassVar = {
        "state": Input("concat", rank=1),
        "action": Input("one", rank=1),
        "reward": Input("sum", rank=None),
        "observation": Input("concat", rank=1),
        "value": Input("one", rank=0),
    }
    width: int = option(64, "length of the latent", low=1)
    hidden: int = option(128, "hidden units", low=1)
    horizon: int = option(5, "decisions that are predicted ahead in learning, H", low=1)
    shaping: bool = option(True, "whether the losses shape the code that is wired to `state`")
    motion: Motion = option(Motion(), "scale of the first three numbers observed: proprioception must come first")

    def ports(self, inputs: Ports) -> Ports:
        inputs["action"]  # decides what can be imagined
        if inputs["observation"].shape[0] < 3:
            raise ValueError("observation: it has fewer than three numbers. Wire proprioception, its motion first.")
        losses = {f"{name}_loss": Port((), "loss") for name in ERRORS}
        errors = {f"{name}_error": Port((self.horizon,), "signal") for name in ERRORS}
        return Ports(losses | errors, latent=Port((self.width,)), model=Port((), "model", MODEL))


class LatentModel(Module[LatentModelConfig]):
    """Outputs: `latent`; `model`, for a planner; per error its loss, and the squared error by horizon `[H]`.

    Losses and errors are 0 in the first H decisions of an episode, of which nothing was predicted.
    """

    def __init__(self, config: LatentModelConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        (self.actions,) = inputs["action"].shape
        (observed,), width, hidden = inputs["observation"].shape, config.width, config.hidden
        self.encoder = dense(inputs["state"].shape[0], width, rngs, gain=1.0)
        self.transition = dense(width + self.actions, hidden, rngs)
        self.change = dense(hidden, width, rngs, gain=0.1)
        self.reward = dense(hidden, 1, rngs, gain=0.1)
        self.readout = dense(width, observed, rngs, gain=0.1)
        self.worth = dense(width, hidden, rngs)
        self.worth_out = dense(hidden, 1, rngs, gain=0.1)

    def imagine(self, latent: jax.Array, action: jax.Array) -> Imagined:
        """The latent after an action, and the reward on the way: `[N, D]`, `[N, A]` -> `[N, D]`, `[N]`."""
        hidden = nnx.relu(self.transition(jnp.concatenate([latent, action], axis=1)))
        return Imagined(normalised(latent + self.change(hidden)), self.reward(hidden)[:, 0])

    def value(self, latent: jax.Array) -> jax.Array:
        """What the critic would say, `[N]`."""
        return self.worth_out(nnx.relu(self.worth(latent)))[:, 0]

    def observation(self, latent: jax.Array) -> jax.Array:
        """What would be observed, `[N, O]`."""
        return self.readout(latent)

    def motion(self, latent: jax.Array) -> jax.Array:
        """Speed forward and to the left (m/s) and yaw rate (rad/s), `[N, 3]`."""
        scale = self.config.motion
        return self.readout(latent)[:, :3] * jnp.array([[scale.forward, scale.lateral, scale.yaw]])

    def initial(self, batch: int) -> State:
        """The last H latents and what came after each of the last H - 1; decisions lived so far."""
        c = self.config
        moment = {name: jnp.zeros((batch, c.horizon - 1, *shape)) for name, shape in self._moment_shapes().items()}
        latents = jnp.zeros((batch, c.horizon, c.width))
        return {"latents": latents, "moments": moment, "age": jnp.zeros(batch, jnp.int32)}

    def _moment_shapes(self) -> dict[str, tuple[int, ...]]:
        observed = self.inputs["observation"].shape
        return {"action": (self.actions,), "reward": (), "observation": observed, "value": ()}

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        code = inputs["state"] if self.config.shaping else jax.lax.stop_gradient(inputs["state"])
        latent = normalised(self.encoder(code))
        now = {name: inputs[name] for name in ("action", "observation", "value")}
        now["reward"] = flatten(inputs["reward"]).sum(axis=1)
        came = jax.tree.map(_append, state["moments"], jax.lax.stop_gradient(now))
        targets = _append(state["latents"], jax.lax.stop_gradient(latent))[:, 1:]
        errors = self._errors(state["latents"][:, 0], came, targets)
        counts = state["age"] >= self.config.horizon
        errors = {name: jnp.where(counts[:, None], error, 0.0) for name, error in errors.items()}
        after = {
            "latents": _append(state["latents"], latent)[:, 1:],
            "moments": jax.tree.map(lambda x: x[:, 1:], came),
            "age": state["age"] + 1,
        }
        losses = {f"{name}_loss": error.mean(axis=1) for name, error in errors.items()}
        return after, {"latent": latent, **losses, **{f"{name}_error": error for name, error in errors.items()}}

    def _errors(self, latent: jax.Array, came: Arrays, targets: jax.Array) -> Arrays:
        """Squared errors `[B, H]` of what is imagined from a latent, given the actions, beside what came."""
        found: list[Any] = []
        for h in range(self.config.horizon):
            latent, reward = self.imagine(latent, came["action"][:, h])
            seen = jnp.square(self.observation(latent) - came["observation"][:, h]).mean(axis=1)
            ahead = jnp.square(latent - targets[:, h]).mean(axis=1)
            worth = jnp.square(self.value(latent) - came["value"][:, h])
            found.append((ahead, jnp.square(reward - came["reward"][:, h]), seen, worth))
        return {name: jnp.stack(error, axis=1) for name, error in zip(ERRORS, zip(*found, strict=True), strict=True)}


def normalised(x: jax.Array) -> jax.Array:
    """`[N, D]` with a root mean square of 1 along D (Zhang & Sennrich 2019)."""
    return x * jax.lax.rsqrt(jnp.square(x).mean(axis=1, keepdims=True) + 1e-6)


def _append(window: jax.Array, value: jax.Array) -> jax.Array:
    """`[B, n, ...]` and `[B, ...]` -> `[B, n + 1, ...]`."""
    return jnp.concatenate([window, value[:, None]], axis=1)
