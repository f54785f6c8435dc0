"""Working memory in a frozen language transformer, which reads what is sensed as if it were words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from agent.config import option
from agent.language import pretrained
from agent.language.transformer import Cache
from agent.layers import dense, flatten, standard
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register


@register("frozen_memory")
@dataclass(frozen=True)
class FrozenMemoryConfig:
    """History compression by a pretrained language transformer, HELM (Paischer et al. 2022), here with a GPT-2.

    A fixed random projection P carries what comes in to the word embeddings E, a modern Hopfield network (Ramsauer et
    al. 2021) associates it with them, token = softmax(β cos(P x, E)) E, and the transformer reads token after token; it
    sees the last `window` of them. Only the readout of its last hidden state is trained: no gradient reaches the input.
    """

    inputs: ClassVar = {"input": Input("concat", rank=None)}
    width: int = option(64, "units of the state", low=1)
    model: str = option(pretrained.GPT2, "a causal transformer: owner/name in the Hugging Face cache, or a directory")
    window: int = option(32, "decisions that are remembered", low=1)
    sharpness: float = option(100.0, "inverse temperature β of the association", low=0.0)
    seed: int = option(0, "of the projection, and of weights that are not pretrained", low=0)
    pretrained: bool = option(True, "false: random weights, as before any training: a control")

    def ports(self, inputs: Ports) -> Ports:
        self.transformer  # noqa: B018 -- complain before anything is traced
        return Ports(state=Port((self.width,)))

    @property
    def transformer(self) -> pretrained.Pretrained:
        found = pretrained.causal(self.model, pretrained=self.pretrained, seed=self.seed)
        if self.window > (most := found.config["n_positions"]):
            raise ValueError(f"window ({self.window}) must be at most {most}, the positions that {self.model!r} knows.")
        return found


class Reader(nnx.Module):
    """All that is frozen: the projection, and the transformer whose words it is compared with."""

    def __init__(self, gpt2: Any, size: int, seed: int) -> None:
        width = gpt2.body.shape.width
        drawn = np.random.default_rng(seed).normal(0.0, width**-0.5, (size, width))
        self.gpt2, self.projection = gpt2, nnx.Param(jnp.asarray(drawn, jnp.float32))

    def associate(self, x: jax.Array, sharpness: float) -> jax.Array:
        """`[B, size]` -> `[B, D]`: a mixture of the words that are most like it."""
        words, query = self.gpt2.words[...], x @ self.projection[...]
        sizes = jnp.linalg.norm(query, axis=1, keepdims=True) * jnp.linalg.norm(words, axis=1)[None]
        return jax.nn.softmax(sharpness * (query @ words.T) / (sizes + 1e-8), axis=1) @ words


class FrozenMemory(Module[FrozenMemoryConfig]):
    """Output: `state`, read out of the transformer's last hidden state.

    Keys and values of past tokens are kept in the state as a ring. A token has the place in the episode at which it
    came; after the last place that the transformer knows, places begin anew.
    """

    def __init__(self, config: FrozenMemoryConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        with jax.ensure_compile_time_eval():
            size = int(np.prod(inputs["input"].shape))
            self.frozen = Reader(config.transformer.module, size, config.seed)
        self.readout = dense(config.transformer.width, config.width, rngs, gain=1.0)

    @property
    def digest(self) -> str:
        return self.config.transformer.digest

    def initial(self, batch: int) -> State:
        cache = self.frozen.gpt2.body.empty(batch, self.config.window)
        return {**cache._asdict(), "now": jnp.zeros((batch,), jnp.int32)}

    def reset(self, state: State, first: jax.Array) -> State:
        """Forgets by counting anew: what is left in the ring is not looked at."""
        return {**state, "now": jnp.where(first, 0, state["now"])}

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        gpt2, now = self.frozen.gpt2, state["now"]
        token = self.frozen.associate(flatten(jax.lax.stop_gradient(inputs["input"])), self.config.sharpness)
        token = token + gpt2.places[...][now % len(gpt2.places[...])]
        held = jnp.arange(self.config.window)[None] <= now[:, None]
        cache = Cache(state["keys"], state["values"])
        last, cache = gpt2.body.follow(token, cache, now % self.config.window, held)
        read = self.readout(standard(gpt2.norm(last)))
        return {**cache._asdict(), "now": now + 1}, {"state": read}
