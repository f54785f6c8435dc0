"""The predictive column: its causes settle where theory puts them, and both directions count."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from agent import Port, Ports
from agent.perception.column import PredictiveColumn, PredictiveColumnConfig

KEY = jax.random.split(jax.random.key(0), 2)


def column(**options: float) -> PredictiveColumn:
    config = PredictiveColumnConfig(size=6, features=4, **options)  # pyright: ignore[reportArgumentType]
    return PredictiveColumn(config, Ports(current=Port((3,)), above=Port((2,))), nnx.Rngs(0))


def settled(it: PredictiveColumn, current: jax.Array, above: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
    state, outputs = it.initial(2), {}
    for _ in range(60):
        state, outputs = it(state, {"current": current, "above": above}, KEY)
    return state, outputs


def test_causes_settle_at_the_minimum_of_the_energy() -> None:
    """|x - U r|² + g |p - r|² is least at r = (U Uᵀ + g)⁻¹ (U x + g p), for U `[causes, features]`."""
    it = column(prior=0.3, steps=20)
    current, above = jax.random.normal(jax.random.key(1), (2, 3)), jax.random.normal(jax.random.key(2), (2, 2))
    state, outputs = settled(it, current, above)
    u, x, p = (np.asarray(a) for a in (it.causes[...], it.norm(it.weights(current)), it.expect(above)))
    least = np.linalg.solve(u @ u.T + 0.3 * np.eye(6), u @ x.T + 0.3 * p.T).T
    np.testing.assert_allclose(state, least, atol=1e-4)
    np.testing.assert_allclose(outputs["error"], x - least @ u, atol=1e-4)


def test_what_was_expected_leaves_a_smaller_error() -> None:
    """Bottom-up errors shrink while an input stays, and come back when it changes."""
    it, same = column(), jax.random.normal(jax.random.key(1), (2, 3))
    nothing = jnp.zeros((2, 2))
    state, first = it(it.initial(2), {"current": same, "above": nothing}, KEY)
    for _ in range(10):
        state, later = it(state, {"current": same, "above": nothing}, KEY)
    _, changed = it(state, {"current": -same, "above": nothing}, KEY)
    assert float(later["prediction_loss"].max()) < 0.5 * float(first["prediction_loss"].min())
    assert float(changed["prediction_loss"].min()) > 2 * float(later["prediction_loss"].max())
