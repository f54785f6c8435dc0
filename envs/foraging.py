"""Oracles of FORAGE: greedy, greedy around the bad things, a tour of two meals, and planning by imagined drives."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from envs.arena import CONTROL_SECONDS, HALF
from envs.scene import Pose
from envs.scripted import SPEED, YAW, Policy, View, around, steer, travel
from envs.world import ACTION_REPEAT

if TYPE_CHECKING:
    from envs.tasks.forage import Forage

_BODY = 0.06  # radius, m
_TAU = 0.07  # s, in which the roller's speeds follow their commands
_ASIDE = 0.055  # m, room left when passing a bad thing
_HORIZON = 9  # decisions imagined
_GRAZE = 0.14  # m, how far beside a thing's centre one may aim to take it in passing
_BUMP = 0.6  # part of the speed towards a thing that is lost by running into it
_COMMITMENT = 0.03  # s, for the plan of the decision before; more on the spot, lest two alternate for ever
_SECOND, _EXTRA, _HURT = 1.0, 0.8, 1.0  # s: weight of the second meal's time, worth of a third, cost of a bad thing


def foragers(task: Forage) -> dict[str, Policy]:
    """The oracles of a FORAGE task by name."""
    if not task.goods:
        return {"still": Policy(lambda key: (), lambda state, view, key: (state, jnp.array([0.0, 0.0, -1.0])))}
    tour = {
        name: _nearest(task, ahead, avoid)
        for name, ahead, avoid in (("greedy", False, False), ("avoiding", False, True), ("tour", True, True))
    }
    return tour | {"planning": _planning(task)}


def _split(task: Forage, view: View) -> tuple[jax.Array, jax.Array]:
    return view.task.position[: task.goods], view.task.position[task.goods :]


def _nearest(task: Forage, ahead: bool, avoid: bool) -> Policy:
    """Heads for what is soonest reached; with `ahead`, counting half of the way to the next; or around the bad."""
    reach = task.radius + _BODY

    def act(state: tuple[()], view: View, key: jax.Array) -> tuple[tuple[()], jax.Array]:
        del key
        goods, bads = _split(task, view)
        way = goods - view.pose.position
        cost = travel(way, view.pose.heading, reach)
        if ahead and task.goods > 1:
            arrival = jnp.arctan2(way[:, 1], way[:, 0])[:, None]
            hops = travel(goods[None] - goods[:, None], arrival, reach)  # [from, to]
            cost = cost + 0.5 * jnp.where(jnp.eye(task.goods, dtype=bool), jnp.inf, hops).min(-1)
        target = goods[jnp.argmin(cost)]
        if avoid and task.bads:
            target = around(view.pose, target, bads, reach + _ASIDE)
        return state, steer(view.pose, target)

    return Policy(lambda key: (), act)


class _Drive(NamedTuple):
    """An imagined drive."""

    pose: Pose  # its velocity in the arena's axes, not the body's
    goods: jax.Array  # [n] bool, still there
    bads: jax.Array  # [m] bool
    meals: jax.Array  # [n], s, when each good thing was eaten
    time: jax.Array  # [], s


def _planning(task: Forage) -> Policy:
    """Imagines, at each decision, a drive for each order of two meals and side to take the first from, and acts as
    in the best one. It knows the body's dynamics but not where things will reappear."""
    orders = np.array([(i, j) for i in range(task.goods) for j in range(task.goods) if i != j] or [(0, 0)])
    sides = np.array([0.0, -1.0, 1.0])

    def act(state: jax.Array, view: View, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        del key
        goods, bads = _split(task, view)
        worth, action = jax.vmap(
            lambda order: jax.vmap(lambda side: _imagine(task, view.pose, goods, bads, order, side))(jnp.asarray(sides))
        )(jnp.asarray(orders))
        standing = jnp.abs(view.pose.velocity[0]) < 0.1 * SPEED
        keep = jnp.where(standing, 10.0 * _COMMITMENT, _COMMITMENT)
        worth = worth.reshape(-1) + keep * (jnp.arange(worth.size) == state)
        best = jnp.argmax(worth)
        return best, action.reshape(-1, 3)[best]

    return Policy(lambda key: jnp.int32(-1), act)


def _imagine(
    task: Forage, pose: Pose, goods: jax.Array, bads: jax.Array, order: jax.Array, side: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Worth of a drive to two goods in `order`, passing the first on `side`; and the first action of it."""
    cos, sin = jnp.cos(pose.heading), jnp.sin(pose.heading)
    forward, left = pose.velocity
    pose = pose._replace(velocity=jnp.stack([cos * forward - sin * left, sin * forward + cos * left]))
    clearance = task.radius + _BODY + _ASIDE

    def decide(drive: _Drive, _: None) -> tuple[_Drive, jax.Array]:
        here = drive.pose.position
        nearest = jnp.argmin(jnp.where(drive.goods, ((goods - here) ** 2).sum(-1), jnp.inf))
        goal = jnp.where(drive.goods[order[0]], order[0], jnp.where(drive.goods[order[1]], order[1], nearest))
        way = goods[goal] - here
        across = jnp.stack([-way[1], way[0]]) / jnp.sqrt((way**2).sum() + 1e-9)
        target = goods[goal] + across * side * _GRAZE * (goal == order[0])
        if task.bads:
            target = around(drive.pose, target, jnp.where(drive.bads[:, None], bads, 10.0 * HALF), clearance)
        action = steer(drive.pose, jnp.where(drive.goods.any(), target, here))
        for _repeat in range(ACTION_REPEAT):
            drive = _roll(task, drive, action, goods, bads)
        return drive, action

    start = _Drive(pose, jnp.ones(len(goods), bool), jnp.ones(len(bads), bool), jnp.zeros(len(goods)), jnp.float32(0))
    drive, actions = jax.lax.scan(decide, start, None, _HORIZON)
    return _worth(task, drive, goods, order), actions[0]


def _worth(task: Forage, drive: _Drive, goods: jax.Array, order: jax.Array) -> jax.Array:
    """Less for every second until the two meals (guessed where the drive ends before), and for every bad thing."""
    reach = task.radius + _BODY
    first, second = order
    direct = drive.time + travel(goods - drive.pose.position, drive.pose.heading, reach)
    hop = goods[second] - goods[first]
    arrival = goods[first] - drive.pose.position
    soon = jnp.where(drive.goods[first], direct[first], drive.meals[first])
    after = soon + travel(hop, jnp.arctan2(arrival[1], arrival[0]), reach)
    later = jnp.where(drive.goods[second], jnp.where(drive.goods[first], after, direct[second]), drive.meals[second])
    others = (~drive.goods).sum() - (~drive.goods[first]) - (~drive.goods[second])
    return _EXTRA * others - soon - _SECOND * later - _HURT * (~drive.bads).sum()


def _roll(task: Forage, drive: _Drive, action: jax.Array, goods: jax.Array, bads: jax.Array) -> _Drive:
    """One imagined control step: both speeds go exponentially to their commands; things are taken when touched."""
    pose, keep = drive.pose, float(np.exp(-CONTROL_SECONDS / _TAU))
    coast = _TAU * (1 - keep)
    yaw = action[1] * YAW
    heading = pose.heading + yaw * CONTROL_SECONDS + (pose.yaw_rate - yaw) * coast
    middle = (heading + pose.heading) / 2
    wanted = action[0] * SPEED * jnp.stack([jnp.cos(middle), jnp.sin(middle)])
    position = pose.position + wanted * CONTROL_SECONDS + (pose.velocity - wanted) * coast
    position = jnp.clip(position, _BODY - HALF, HALF - _BODY)
    velocity = wanted + (pose.velocity - wanted) * keep
    eaten, lost = _touched(task, position, velocity, goods, drive.goods)
    hurt, lost_too = _touched(task, position, velocity, bads, drive.bads)
    time = drive.time + CONTROL_SECONDS
    now = Pose(position, heading, velocity - _BUMP * (lost + lost_too), yaw + (pose.yaw_rate - yaw) * keep)
    meals = jnp.where(eaten, time, drive.meals)
    return _Drive(now, drive.goods & ~eaten, drive.bads & ~hurt, meals, time)


def _touched(
    task: Forage, position: jax.Array, velocity: jax.Array, things: jax.Array, there: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Which things are touched `[n]`, and the velocity `[2]` into them."""
    way = things - position
    distance = jnp.sqrt((way**2).sum(-1) + 1e-9)
    hit = there & (distance < task.radius + _BODY + task.reach)
    normal = way / distance[:, None]
    into = jnp.maximum((normal * velocity).sum(-1, keepdims=True), 0.0) * normal
    return hit, jnp.where(hit[:, None], into, 0.0).sum(0)
