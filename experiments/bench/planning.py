"""`bench planning`: tree search beside bare mctx, the cross-entropy method beside torch, a brain with and without.

All use as many threads as the process may: `taskset -c 0` gives one. On a busy machine only that is fair, since torch's
threads burn their time waiting for each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import agent
from agent.circuit import Circuit
from agent.planning.cem import Cem, CemConfig
from agent.planning.latent_model import LatentModel, LatentModelConfig
from agent.planning.mcts import Mcts, MctsConfig
from agent.ports import MODEL, Port, Ports
from experiments.bench.timing import alternate, peer
from experiments.bench.train import brain_alone
from experiments.config import composed, experiment
from experiments.learning.rollout import begin, rollout
from experiments.run import circumstances, make_env, ports

BATCH, PLANS, ACTIONS = 256, 32, 3
"""Environments; those of them that plan at one decision, of every eight; numbers in an action."""
BRAINS = {
    "brain without a planner": ["agent=planning", "agent/planner=none"],
    "brain with cem every 8th decision": ["agent=planning"],
    "default brain": [],
}


def bench(turns: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Rates per CPU-second, medians over `turns` alternating turns of each of three races."""
    torch = peer("torch")
    torch.set_num_threads(_threads())
    say("tree search ...")
    trees = alternate(_searches(), turns)
    say("cross-entropy method ...")
    entropy = alternate(_entropies(torch), turns)
    say("brains ...")
    brains = alternate(_brains(), turns)
    rates = {name: rate.plain() for name, rate in (trees | entropy | brains).items()}

    def ratio(ours: str, theirs: str) -> float:
        return rates[ours]["per_cpu_second"] / rates[theirs]["per_cpu_second"]

    without, using, _ = BRAINS
    return {
        "rates": rates,
        "unit": "plans; decisions of the brains",
        "ratios": {
            "mcts / bare mctx": ratio("mcts", "bare mctx"),
            "cem / the same in torch": ratio("cem", "cem in torch"),
            "brain with / without a planner": ratio(using, without),
        },
        "turns": turns,
        "threads": _threads(),
        "peer": {name: version(name) for name in ("torch", "mctx")},
        "measured": circumstances(),
    }


def _threads() -> int:
    return len(os.sched_getaffinity(0))


def _model() -> LatentModel:
    sizes = {"state": Port((64,)), "action": Port((ACTIONS,)), "observation": Port((8,)), "value": Port(())}
    return LatentModel(LatentModelConfig(), Ports(sizes, reward=Port((1,))), nnx.Rngs(0))


def _inputs(model: LatentModel) -> Ports:
    return Ports(state=Port((model.config.width,)), action=Port((ACTIONS,)), model=Port((), "model", MODEL))


def _latents(model: LatentModel, rows: int) -> jax.Array:
    return jax.random.normal(jax.random.key(1), (rows, model.config.width))


def _searches() -> dict[str, tuple[Callable[[], Any], int]]:
    """Our planner, as a circuit runs it, and mctx called directly on the same weights; all of a batch plan."""
    model = _model()
    planner = Mcts(MctsConfig(), _inputs(model), nnx.Rngs(0))
    latent, keys = _latents(model, BATCH), jax.random.split(jax.random.key(0), BATCH)
    action = jnp.zeros((BATCH, ACTIONS))
    fixed: dict[str, Any] = {"action": action, "model": model}

    @jax.jit
    def ours(latent: jax.Array, state: Any) -> Any:
        state, told = planner(state, {"state": latent, **fixed}, keys)
        return state, told["action"], told["value"], told["uncertainty"]  # all but the path, which only viewers ask for

    bare, state = jax.jit(_bare(model, planner)), planner.initial(BATCH)
    return {"mcts": (lambda: ours(latent, state), BATCH), "bare mctx": (lambda: bare(latent), BATCH)}


def _bare(model: LatentModel, planner: Mcts) -> Callable[[jax.Array], Any]:
    """What one would write with mctx alone."""
    mctx, c = peer("mctx", "planning"), planner.config
    moves = jnp.asarray(planner.moves)
    w = jax.tree.map(jnp.asarray, nnx.to_pure_dict(nnx.state(model)))

    def value(z: jax.Array) -> jax.Array:
        hidden = jax.nn.relu(z @ w["worth"]["kernel"] + w["worth"]["bias"])
        return (hidden @ w["worth_out"]["kernel"] + w["worth_out"]["bias"])[:, 0]

    def step(_: Any, key: jax.Array, move: jax.Array, z: jax.Array) -> Any:
        both = jnp.concatenate([z, moves[move]], axis=1)
        hidden = jax.nn.relu(both @ w["transition"]["kernel"] + w["transition"]["bias"])
        reward = (hidden @ w["reward"]["kernel"] + w["reward"]["bias"])[:, 0]
        z = z + hidden @ w["change"]["kernel"] + w["change"]["bias"]
        z = z * jax.lax.rsqrt((z**2).mean(axis=1, keepdims=True) + 1e-6)
        discount, even = jnp.full(z.shape[0], c.discount), jnp.zeros((z.shape[0], len(moves)))
        return mctx.RecurrentFnOutput(reward=reward, discount=discount, prior_logits=even, value=value(z)), z

    def search(z: jax.Array) -> Any:
        root = mctx.RootFnOutput(prior_logits=jnp.zeros((z.shape[0], len(moves))), value=value(z), embedding=z)
        options = {"max_depth": c.horizon, "max_num_considered_actions": len(moves), "gumbel_scale": 0.0}
        found = mctx.gumbel_muzero_policy((), jax.random.key(0), root, step, c.simulations, **options)
        return found.action, found.search_tree.summary().qvalues

    return search


def _entropies(torch: Any) -> dict[str, tuple[Callable[[], Any], int]]:
    """64 samples, 5 rounds, 12 decisions ahead, for as many environments as plan at once; no plan to start with."""
    model = _model()
    config = CemConfig(samples=64, rounds=5, horizon=12)
    planner = Cem(config, _inputs(model), nnx.Rngs(0))
    latent, keys = _latents(model, PLANS), jax.random.split(jax.random.key(0), PLANS)
    plan = jnp.zeros((PLANS, config.horizon, ACTIONS))
    ours = jax.jit(lambda z, key: planner.search(model, z, plan, key))
    theirs = _in_torch(torch, model, config)
    z = torch.tensor(np.asarray(latent))
    return {"cem": (lambda: ours(latent, keys), PLANS), "cem in torch": (lambda: theirs(z), PLANS)}


def _in_torch(torch: Any, model: LatentModel, c: CemConfig) -> Callable[[Any], Any]:
    """The same method, weights and sizes."""
    w = jax.tree.map(lambda x: torch.tensor(np.asarray(x)), nnx.to_pure_dict(nnx.state(model)))

    def layer(name: str, x: Any) -> Any:
        return torch.addmm(w[name]["bias"], x, w[name]["kernel"])

    def returns(z: Any, plans: Any) -> Any:
        rows, samples = plans.shape[:2]
        z = z[:, None].expand(-1, samples, -1).reshape(rows * samples, -1)
        actions = plans.reshape(rows * samples, c.horizon, -1)
        total, weight = 0.0, 1.0
        for h in range(c.horizon):
            hidden = torch.relu(layer("transition", torch.cat([z, actions[:, h]], 1)))
            total = total + weight * layer("reward", hidden)[:, 0]
            z = z + layer("change", hidden)
            z = z * torch.rsqrt((z * z).mean(1, keepdim=True) + 1e-6)
            weight *= c.discount
        return (total + weight * layer("worth_out", torch.relu(layer("worth", z)))[:, 0]).reshape(rows, samples)

    @torch.inference_mode()
    def search(z: Any) -> Any:
        mean = torch.zeros(len(z), c.horizon, ACTIONS)
        deviation = torch.full_like(mean, c.spread)
        for _ in range(c.rounds):
            noise = torch.randn(len(z), c.samples - 1, c.horizon, ACTIONS)
            drawn = (mean[:, None] + deviation[:, None] * noise).clamp(-1.0, 1.0)
            plans = torch.cat([mean[:, None], drawn], 1)
            best, which = returns(z, plans).topk(c.elites, 1)
            elites = torch.take_along_dim(plans, which[:, :, None, None], 1)
            mean, deviation = elites.mean(1), elites.std(1, correction=0).clamp(min=c.least)
        return mean, returns(z, mean[:, None]), best.var(1)

    return search


def _brains() -> dict[str, tuple[Callable[[], Any], int]]:
    """The brain alone, on what it saw in a rollout of FORAGE with fresh weights."""
    made = {}
    for name, overrides in BRAINS.items():
        setup = experiment(composed(overrides))
        env, steps = make_env(setup, BATCH), setup.learning.steps
        circuit: Circuit = agent.build(setup.agent, *ports(env))
        params = jax.jit(circuit.init)(jax.random.key(0))
        life = jax.jit(lambda key, c=circuit, e=env: begin(c, e, key))(jax.random.key(0))
        probes = (setup.learning.policy, setup.learning.value)
        _, lived = jax.jit(lambda life, c=circuit, e=env, p=params, n=steps: rollout(c, e, p, life, n))(life)
        made[name] = (brain_alone(circuit, params, life.brain, lived, probes), BATCH * steps)
    return made
