"""Any Gymnasium environment as a world: spaces as ports, the same numbers as Gymnasium, episodes, mistakes."""

from __future__ import annotations

import re
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium import spaces

import envs
from envs.foreign import ForeignState
from envs.spaces import act, ports, readings, size


def seeds(state: ForeignState, count: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng([int(seed), count]) for seed in state.life]


@pytest.mark.parametrize("name", ["Pendulum-v1", "CartPole-v1", "HalfCheetah-v5"])
def test_the_same_as_gymnasium(name: str, key: jax.Array) -> None:
    """Observations, rewards and ends along random actions over several episodes, from the seeds of each."""
    env = envs.from_gymnasium(name, batch=2, max_episode_steps=20)
    state, shown = env.reset(key)
    assert env.observation_space["observation"].shape == np.shape(shown.observation["observation"])[1:]
    step, streams, command = jax.jit(env.step), seeds(state), None
    theirs = [gymnasium.make(name, max_episode_steps=20) for _ in streams]
    rng, over = np.random.default_rng(0), [True, True]
    for number in range(60):
        for index, world in enumerate(theirs):
            seen = jax.tree.map(lambda x, index=index: np.asarray(x[index]), shown)
            reward, ended, cut_off = 0.0, False, False
            if over[index]:
                observation, _ = world.reset(seed=int(streams[index].integers(2**31)))
            else:
                observation, reward, ended, cut_off, _ = world.step(command)
            assert seen.first == over[index]
            over[index] = ended or cut_off
            np.testing.assert_array_equal(seen.observation["observation"], np.asarray(observation, np.float32))
            assert (seen.reward, seen.last, seen.discount) == (np.float32(reward), over[index], 1.0 - ended)
            assert seen.observation["reward"] == seen.reward
            assert not seen.bad
        numbers = rng.uniform(-1, 1, env.action_space.shape).astype(np.float32)
        command, done = act(theirs[0].action_space, numbers)
        state, shown = step(state, np.stack([numbers] * 2))
        copies = np.asarray(shown.observation["action"])
        np.testing.assert_array_equal(copies, np.where(np.asarray(over)[:, None], 0.0, done))
        assert int(state.count[0]) == number + 2


def test_it_agrees_with_our_own_half_cheetah(key: jax.Array) -> None:
    """The reward that both give for a motion along the same actions from the same positions and velocities."""
    ours, theirs = envs.make("half_cheetah"), envs.from_gymnasium("HalfCheetah-v5")
    state, _ = ours.reset(key)
    token, _ = theirs.reset(key)
    inner: Any = theirs._host._envs[0].unwrapped
    inner.set_state(np.float64(state.physics.qpos[0]), np.float64(state.physics.qvel[0]))
    for number in range(20):
        action = jax.random.uniform(jax.random.fold_in(key, number), (1, 6), minval=-1.0)
        state, mine = jax.jit(ours.step)(state, action)
        token, other = theirs.step(token, action)
        np.testing.assert_allclose(mine.reward, other.reward, atol=2e-3)
        np.testing.assert_allclose(mine.observation["observation"], other.observation["observation"], atol=2e-2)


def test_a_life_follows_from_its_key(key: jax.Array) -> None:
    def live(batch: int) -> np.ndarray:
        env = envs.from_gymnasium("CartPole-v1", batch=batch)
        state, _ = env.reset(key)
        pushes = jnp.tile(jnp.array([[1.0, -1.0]]), (batch, 1))
        _, shown = jax.lax.scan(lambda s, _: env.step(s, pushes), state, None, length=40)
        return np.asarray(shown.observation["observation"])

    np.testing.assert_array_equal(live(3), live(3))
    np.testing.assert_array_equal(live(3)[:, :2], live(2))


def test_a_state_that_is_gone_cuts_episodes_off(key: jax.Array) -> None:
    """As after a restart; nothing of the old episode leaks into the new one, which is reproducible, too."""
    action = jnp.zeros((2, 1))
    first = envs.from_gymnasium("Pendulum-v1", batch=2)
    state, shown = first.step(first.reset(key)[0], action)
    again = []
    for _ in range(2):
        other = envs.from_gymnasium("Pendulum-v1", batch=2)
        after, cut = other.step(state, action)
        assert (cut.last & cut.bad & ~cut.first & (cut.reward == 0) & (cut.discount == 1)).all()
        np.testing.assert_array_equal(cut.observation["observation"], shown.observation["observation"])
        after, new = other.step(after, action)
        assert (new.first & ~new.bad).all()
        _, third = other.step(after, action)
        assert not (third.first | third.last).any()
        again.append(np.asarray(new.observation["observation"]))
    np.testing.assert_array_equal(*again)


def test_what_nobody_asks_for_is_not_called(key: jax.Array) -> None:
    """A learner looks one decision ahead without taking it."""
    env = envs.from_gymnasium("Pendulum-v1")
    state, _ = env.reset(key)

    @jax.jit
    def look(state: ForeignState) -> ForeignState:
        env.step(state, jnp.ones((1, 1)))
        return env.step(state, jnp.zeros((1, 1)))[0]

    _, shown = env.step(look(state), jnp.zeros((1, 1)))
    assert not shown.bad.any()


def test_a_nan_cuts_its_episode_off_and_no_other(key: jax.Array) -> None:
    env = envs.from_gymnasium("Pendulum-v1", batch=2)
    state, _ = env.step(env.reset(key)[0], jnp.zeros((2, 1)))
    state, shown = env.step(state, jnp.array([[jnp.nan], [0.5]]))
    np.testing.assert_array_equal([shown.bad, shown.last], [[True, False]] * 2)
    assert jnp.isfinite(shown.observation["action"]).all()
    _, shown = env.step(state, jnp.zeros((2, 1)))
    np.testing.assert_array_equal(shown.first, [True, False])


NESTED = spaces.Dict(
    {
        "camera": spaces.Box(0, 255, (4, 4, 3), np.uint8),
        "my goal": spaces.Tuple((spaces.Discrete(3, start=5), spaces.Box(-1.0, 1.0, (), np.float64))),
        "switches": spaces.MultiBinary(2),
        "cards": spaces.MultiDiscrete([2, 3]),
    }
)


def test_observations_become_ports() -> None:
    found = ports(NESTED, "here")
    shapes = {"camera": (4, 4, 3), "my_goal_0": (3,), "my_goal_1": (1,), "switches": (2,), "cards": (5,)}
    assert {name: space.shape for name, space in found.items()} == shapes
    seen = readings(
        NESTED,
        {
            "camera": np.full((4, 4, 3), 51, np.uint8),
            "my goal": (6, np.float64(0.5)),
            "switches": [1, 0],
            "cards": [1, 2],
        },
    )
    assert {str(array.dtype) for array in seen.values()} == {"float32"}
    np.testing.assert_allclose(seen["camera"], 0.2)
    expected = {"my_goal_0": [0, 1, 0], "my_goal_1": [0.5], "switches": [1, 0], "cards": [0, 1, 0, 0, 1]}
    for name, row in expected.items():
        np.testing.assert_array_equal(seen[name], row)
    rng = spaces.Dict(NESTED.spaces, seed=1)
    for name, array in readings(NESTED, rng.sample()).items():
        assert array in found[name]
    assert [*ports(spaces.Tuple((spaces.Discrete(2), spaces.Discrete(3))), "")] == ["observation_0", "observation_1"]


@pytest.mark.parametrize(
    ("space", "numbers", "action", "done"),
    [
        (spaces.Box(-2.0, 6.0, (2,), np.float64), [-1.0, 3.0], [-2.0, 6.0], [-1.0, 1.0]),
        (spaces.Box(-2.0, 6.0, (1, 2), np.float32), [0.0, 0.5], [[2.0, 4.0]], [0.0, 0.5]),
        (spaces.Box(0, 255, (2,), np.uint8), [-1.0, 1.0], [0, 255], [-1.0, 1.0]),
        (spaces.Discrete(3, start=-1), [2.0, 9.0, 3.0], 0, [0, 1, 0]),
        (spaces.MultiDiscrete([2, 3]), [0.1, 0.0, -3.0, -2.0, -1.0], [0, 2], [1, 0, 0, 0, 1]),
        (spaces.MultiBinary(2), [0.1, -0.1], [1, 0], [1.0, -1.0]),
    ],
)
def test_numbers_become_actions(space: Any, numbers: list[float], action: Any, done: list[float]) -> None:
    assert size(space, "") == len(numbers)
    given, copy = act(space, np.float32(numbers))
    np.testing.assert_array_equal(given, action)
    np.testing.assert_array_equal(copy, np.float32(done))
    assert given in space


@pytest.mark.parametrize(
    "space",
    [spaces.Text(5), spaces.Sequence(spaces.Discrete(2)), spaces.Graph(spaces.Discrete(2), None)],
    ids=lambda space: type(space).__name__,
)
def test_spaces_that_cannot_be_are_named(space: Any) -> None:
    with pytest.raises(envs.EnvError, match=re.escape(f"env.id=X: an observation of {space} cannot be a port")):
        ports(spaces.Dict(deep=spaces.Tuple([space])), "env.id=X")
    with pytest.raises(envs.EnvError, match=re.escape(f"env.id=X: an action of {space} cannot be given")):
        size(space, "env.id=X")


def test_ports_of_one_name_and_boxes_without_bounds() -> None:
    with pytest.raises(envs.EnvError, match="here: part 'a_b' has the port 'a_b', as another part has"):
        ports(spaces.Dict({"a b": spaces.Discrete(2), "a_b": spaces.Discrete(2)}), "here")
    with pytest.raises(envs.EnvError, match=r"have no bounds to be rescaled to. Put gymnasium's ClipAction"):
        size(spaces.Box(-np.inf, 1.0, (2,)), "here")


MISTAKES = [
    ("HalfCheeta-v5", {}, "env.id: no Gymnasium environment 'HalfCheeta-v5'. Did you mean 'HalfCheetah-v5'?"),
    ("CartPole-v99", {}, "Did you mean 'CartPole-v1'?"),
    ("zzz", {}, "no Gymnasium environment 'zzz'. gymnasium.pprint_registry() lists them"),
    ("nothing_here:X-v0", {}, "could not be made: ModuleNotFoundError: No module named 'nothing_here'"),
    ("Pendulum-v1", {"gg": 1.0}, "env.id=Pendulum-v1 could not be made with env.options={'gg': 1.0}: TypeError"),
    ("scrubjay/Forage-v0", {}, "is a world of ours. Choose env=arena and its task instead."),
    ("phys2d/CartPole-v1", {}, "computes with JAX itself"),
]


@pytest.mark.parametrize(("name", "options", "text"), MISTAKES, ids=[name for name, *_ in MISTAKES])
def test_mistakes(name: str, options: dict[str, Any], text: str) -> None:
    with pytest.raises(envs.EnvError, match=re.escape(text)):
        envs.from_gymnasium(name, **options)


class Breaks(gymnasium.Env[np.ndarray, np.ndarray]):
    """Breaks down in its third step."""

    observation_space: Any = spaces.Box(0.0, 1.0, (1,))
    action_space: Any = spaces.Box(0.0, 1.0, (1,))

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        if self.steps == 3:
            raise ZeroDivisionError("the wheel\ncame off")
        return np.zeros(1, np.float32), 0.0, False, False, {}


def test_an_environment_that_breaks_is_named_with_its_seed(key: jax.Array, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = gymnasium.envs.registration.EnvSpec("Breaks-v0", Breaks, disable_env_checker=True)
    monkeypatch.setitem(gymnasium.registry, "Breaks-v0", spec)
    env = envs.from_gymnasium("Breaks-v0", batch=2)
    state, _ = env.reset(key)
    seed = int(seeds(state)[0].integers(2**31))
    with pytest.raises(jax.errors.JaxRuntimeError, match="EnvError: Breaks-v0: environment 0 raised") as raised:
        jax.block_until_ready(jax.lax.scan(lambda s, _: env.step(s, jnp.zeros((2, 1))), state, None, length=5))
    text = f"raised ZeroDivisionError in step 3 of the episode with seed {seed}: the wheel came off ({__file__}, line "
    assert text in str(raised.value)
