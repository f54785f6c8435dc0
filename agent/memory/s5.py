"""Working memory: a state-space model, which runs over a whole stretch of time at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from agent.config import option
from agent.layers import dense
from agent.memory.gru import let_go
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register


@register("s5")
@dataclass(frozen=True)
class S5Config:
    """A simplified state-space model (Smith, Warrington & Linderman 2023).

    x[t] = Λ̄ x[t-1] + B̄ u[t], y[t] = 2 Re(C x[t]) + D u[t], with Λ̄ = exp(Λ Δ) complex and diagonal,
    B̄ = Λ⁻¹ (Λ̄ - 1) B; then a gate and a residual. Λ starts as the eigenvalues of HiPPO-N, half of each pair.
    Where an episode begins Λ̄ counts as 0, which keeps the scan associative (Lu et al. 2023); `reset` lets go of x as in
    `gru`.
    """

    inputs: ClassVar = {"input": Input("concat", rank=1), "reset": Input("sum", rank=0, optional=True)}
    size: int = option(128, "units, of every layer", low=1)
    modes: int = option(32, "complex numbers in the state of a layer", low=1)
    layers: int = option(2, "layers", low=1)
    slowest: float = option(0.001, "smallest step Δ of a fresh mode; one lasts about 2/Δ decisions", low=1e-6)
    fastest: float = option(0.1, "largest step Δ of a fresh mode", low=1e-6)

    def ports(self, inputs: Ports) -> Ports:
        return Ports(state=Port((self.size,)))


class S5(Module[S5Config]):
    def __init__(self, config: S5Config, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.enter = dense(inputs["input"].shape[0], config.size, rngs, gain=1.0)
        self.layers = nnx.List([Layer(config, rngs) for _ in range(config.layers)])

    def initial(self, batch: int) -> State:
        """Real and imaginary parts."""
        return jnp.zeros((batch, self.config.layers, 2, self.config.modes))

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        x, after = self.enter(inputs["input"]), []
        for layer, held in zip(self.layers, _complex(let_go(state, inputs)), strict=True):
            decay, drive = layer.drive(x)
            held = decay[None] * held + drive
            x = layer.leave(x, held)
            after.append(held)
        return _real(after), {"state": x}

    def over_time(self, state: State, inputs: Arrays, first: jax.Array, key: jax.Array) -> tuple[State, Arrays]:
        x, after = self.enter(inputs["input"]), []
        for layer, held in zip(self.layers, _complex(state), strict=True):
            decay, drive = layer.drive(x)
            decays = let_go(jnp.where(first[:, :, None], 0.0, decay[None, None]), inputs)
            drive = drive.at[0].add(decays[0] * held)
            _, held = jax.lax.associative_scan(_compose, (decays, drive))
            x = layer.leave(x, held)
            after.append(held[-1])
        return _real(after), {"state": x}


class Layer(nnx.Module):
    """One state-space model, its gate and its residual."""

    def __init__(self, config: S5Config, rngs: nnx.Rngs) -> None:
        values, basis = hippo(2 * config.modes)
        self.norm = nnx.LayerNorm(config.size, rngs=rngs)
        self.rate = nnx.Param(jnp.log(-jnp.asarray(np.real(values), jnp.float32)))
        self.turn = nnx.Param(jnp.asarray(np.imag(values), jnp.float32))
        low, high = math.log(config.slowest), math.log(max(config.fastest, config.slowest))
        self.step = nnx.Param(jax.random.uniform(rngs.params(), values.shape, minval=low, maxval=high))
        into = np.conj(basis.T) / math.sqrt(config.size)
        out = basis / math.sqrt(2 * config.modes)
        self.into = nnx.Param(_turned(rngs, (2 * config.modes, config.size), lambda m: into @ m))
        self.out = nnx.Param(_turned(rngs, (config.size, 2 * config.modes), lambda m: m @ out))
        self.through = nnx.Param(jax.random.normal(rngs.params(), (config.size,)))
        self.gate = dense(config.size, config.size, rngs, gain=1.0)

    def drive(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Λ̄ `[P]` and B̄ u `[..., P]`."""
        rates = jax.lax.complex(-jnp.exp(self.rate[...]), self.turn[...])
        decay = jnp.exp(rates * jnp.exp(self.step[...]))
        x, gain = self.norm(x), (decay - 1.0) / rates
        return decay, spread(gain, x) * jax.lax.complex(x @ self.into[0].T, x @ self.into[1].T)

    def leave(self, x: jax.Array, held: jax.Array) -> jax.Array:
        """2 Re(C x) + D u, gated, added to what came in."""
        read = 2.0 * (held.real @ self.out[0].T - held.imag @ self.out[1].T) + spread(self.through[...], x) * self.norm(
            x
        )
        active = jax.nn.gelu(read)
        return x + active * jax.nn.sigmoid(self.gate(active))


def hippo(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues `[size/2]` with positive imaginary part and eigenvectors `[size, size/2]` of HiPPO-N.

    A_nk = -√((n + ½)(k + ½)) below the diagonal, its opposite above, -½ on it (Gu et al. 2022; Smith et al., eq. 9).
    """
    root = np.sqrt(np.arange(size) + 0.5)
    outer = np.outer(root, root)
    skew = np.triu(outer, 1) - np.tril(outer, -1)
    imaginary, vectors = np.linalg.eigh(-1j * skew)
    half = imaginary > 0
    return -0.5 + 1j * imaginary[half], vectors[:, half]


def _turned(rngs: nnx.Rngs, shape: tuple[int, int], turn: Any) -> jax.Array:
    """A random real matrix in the basis of the eigenvectors: real and imaginary parts."""
    matrix = turn(jax.random.normal(rngs.params(), shape))
    return jnp.stack([matrix.real, matrix.imag]).astype(jnp.float32)


def spread(units: jax.Array, like: jax.Array) -> jax.Array:
    """A number per unit with axes added, so that it broadcasts over moments."""
    return units.reshape((1,) * (like.ndim - 1) + units.shape)


def _compose(earlier: tuple[jax.Array, jax.Array], later: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """x ↦ a x + b, one after the other."""
    return later[0] * earlier[0], later[0] * earlier[1] + later[1]


def _complex(state: State) -> list[jax.Array]:
    return [jax.lax.complex(state[:, i, 0], state[:, i, 1]) for i in range(state.shape[1])]


def _real(states: list[jax.Array]) -> State:
    return jnp.stack([jnp.stack([x.real, x.imag], axis=1) for x in states], axis=1)
