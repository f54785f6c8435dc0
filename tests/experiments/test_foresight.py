"""The errors of a world model by horizon, against a world that is the model itself, and a hand count."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from agent.planning.latent_model import LatentModel, LatentModelConfig
from agent.ports import Port, Ports
from experiments.foresight import errors

TIMES, BATCH, HORIZON = 8, 3, 2


def test_a_perfect_model_errs_nowhere_and_the_others_as_counted() -> None:
    """What came is what the model imagines, from decision to decision; an episode of the second begins at 4."""
    sizes = {"state": Port((4,)), "action": Port((2,)), "observation": Port((3,)), "value": Port(())}
    model = LatentModel(LatentModelConfig(width=4, hidden=8), Ports(sizes, reward=Port((1,))), nnx.Rngs(0))
    first = jnp.zeros((TIMES, BATCH), bool).at[0].set(True).at[4, 1].set(True)
    action = jax.random.normal(jax.random.key(0), (TIMES, BATCH, 2))
    fresh = jax.random.normal(jax.random.key(1), (TIMES, BATCH, 4))
    fresh = fresh * jax.lax.rsqrt(jnp.square(fresh).mean(axis=-1, keepdims=True))

    @jax.jit
    def live() -> dict[str, jax.Array]:
        latent, rows = fresh[0], []
        for t in range(TIMES):
            after = model.imagine(latent, action[t])
            latent = jnp.where(first[t][:, None], fresh[t], after.latent)
            rows.append({"latent": latent, "reward": after.reward, "value": model.value(latent)})
            rows[-1]["observation"] = model.observation(latent)
        return {name: jnp.stack([row[name] for row in rows]) for name in rows[0]} | {"action": action}

    came = live()
    table = jax.jit(lambda came: errors(model, came, first, HORIZON))(came)
    for what, row in table.items():
        np.testing.assert_allclose(row["model"], 0.0, atol=1e-8)
        truth = np.asarray(came[what])
        for h in (1, 2):
            kept = [(t, b) for t in range(TIMES - HORIZON) for b in range(BATCH) if not (b == 1 and t < 4 <= t + h)]
            same = [np.square(truth[t + h, b] - truth[t, b]).mean() for t, b in kept]
            mean = [np.square(truth[t + h, b] - truth.mean(axis=(0, 1))).mean() for t, b in kept]
            np.testing.assert_allclose(row["unchanged"][h - 1], np.mean(same), rtol=1e-4)
            np.testing.assert_allclose(row["mean"][h - 1], np.mean(mean), rtol=1e-4)
