"""A made-up but plausible trace: a body forages for green pillars between walls, under a brain of ten modules."""

from __future__ import annotations

import math

import numpy as np

from experiments.watch.trace import Edge, Geom, Meta, Node, Trace

HALF, DT, ROWS, RAYS, NEURONS, TICKS = 1.0, 0.1, 2, 32, 96, 5
PLANS, HORIZON, LEVELS = 5, 12, ("dopamine", "acetylcholine", "noradrenaline", "serotonin")
ROW_HEIGHTS = (0.05, 0.15)
ANGLES = tuple(np.linspace(math.pi / 2, -math.pi / 2, RAYS).tolist())
WALLS = {"north": (0, 1), "south": (0, -1), "east": (1, 0), "west": (-1, 0)}
WALL_COLOURS = np.array([[0.36, 0.45, 0.60], [0.52, 0.46, 0.40], [0.40, 0.52, 0.48], [0.50, 0.42, 0.55]])
GOOD, BAD = np.array([0.22, 0.72, 0.35]), np.array([0.86, 0.26, 0.24])
NODES = [
    ("body", "world", 0.0, 0.5), ("retina", "retina_conv", 0.2, 0.12), ("proprio", "encoder", 0.2, 0.9),
    ("v1", "lif", 0.4, 0.12), ("fusion", "concatenate", 0.4, 0.62), ("hippocampus", "episodic_memory", 0.62, 0.15),
    ("cortex", "gru", 0.62, 0.62), ("critic", "critic", 0.85, 0.95), ("prefrontal", "arbiter", 0.85, 0.3),
    ("motor", "spiking_gaussian", 1.0, 0.6),
]  # fmt: skip
EDGES = [
    ("body.retina", "retina.image", 0), ("body.proprio", "proprio.sense", 0), ("retina.code", "v1.current", 0),
    ("v1.spikes", "fusion.visual", 0), ("proprio.code", "fusion.body", 0), ("fusion.code", "cortex.input", 0),
    ("v1.spikes", "hippocampus.key", 0), ("hippocampus.recall", "cortex.input", 0), ("cortex.state", "critic.input", 0),
    ("cortex.state", "prefrontal.input", 0), ("cortex.state", "motor.input", 0), ("prefrontal.gate", "motor.gain", 0),
    ("cortex.state", "v1.current", 1), ("motor.action", "body.action", 1),
]  # fmt: skip


NAMES = ("first", "second", "third")


def synthetic_trace(seconds: float = 20.0, episodes: int = 1, seed: int = 0) -> Trace:
    """A trace of `seconds` in all, cut into equal episodes."""
    rng = np.random.default_rng(seed)
    steps = round(seconds / DT)
    length = -(-steps // episodes)
    episode = np.arange(steps) // length
    eyes, things, taste = _walk(rng, steps, episode)
    retina = np.stack([_look(eyes[i], things[i]) for i in range(steps)])
    poses, rgba, geoms = _scene(eyes, things)
    near = retina[..., 3].max((1, 2))
    time = np.arange(steps) * DT
    ate = [(float(time[i]), "ate a good thing" if taste[i] > 0 else "bit a bad thing") for i in np.flatnonzero(taste)]
    starts = [(float(time[i]), f"episode {episode[i]} begins") for i in range(0, steps, length)]
    activity = _activity(rng, retina, near, taste)
    effort = -0.02 * (1 + activity["motor.action"])
    return Trace(
        meta=Meta("Foraging by sight", "runs/demo", "FORAGE", "scrubjay", seed, DT, "0.1.0+3f2a91c"),
        time=time,
        episode=episode,
        geoms=geoms,
        poses=poses,
        rgba=rgba,
        root=5,
        retina=retina,
        eyes=eyes,
        row_heights=ROW_HEIGHTS,
        ray_angles=ANGLES,
        rewards={"food": taste, "effort": effort},
        value=_smooth(near * 2 + taste, 8),
        score="score 0.91 (0.88 to 0.94)",
        ports=activity,
        spikes={"v1.spikes": _spikes(rng, retina)},
        traces={
            "v1.membrane": _membrane(rng, retina),
            "hippocampus.weights": _weights(near),
            "modulators.levels": _levels(taste),
        },
        strides={"hippocampus.weights": 3},
        signals={
            "memory confidence": activity["hippocampus.recall"],
            "prefrontal.weight": activity["prefrontal.gate"],
            "planner.planned": np.arange(steps) % PLANS == 0,
        },
        events=tuple(sorted(starts + ate)),
        captions=tuple((time, f"“go to the {name} thing”") for (time, _), name in zip(starts, NAMES, strict=False)),
        recalls=np.array([[t, max(0.0, t - 4 - 3 * rng.random()), rng.random()] for t in time[60::17]]).reshape(-1, 3),
        plans=_plans(eyes, episode),
        distant=np.array([[t, -12, 3.4, 0.8] for t in time[80::17]]).reshape(-1, 4),
        labels={"prefrontal.weight": ("habit", "plan"), "modulators.levels": LEVELS},
        nodes=tuple(Node(*node) for node in NODES),
        edges=tuple(Edge(*edge) for edge in EDGES),
    )


def _walk(rng: np.random.Generator, steps: int, episode: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steers to the nearest good thing: eyes [T, 3], things [T, 6, 2] (three good, three bad), taste [T]."""
    eyes, things, taste = np.zeros((steps, 3)), np.zeros((steps, 6, 2)), np.zeros(steps)
    body, place, speed = np.array([-0.6, -0.5, 0.4]), rng.uniform(-0.75, 0.75, (6, 2)), 0.0
    for i in range(steps):
        if i and episode[i] != episode[i - 1]:
            body, place = np.array([0.5, 0.5, 2.0]), rng.uniform(-0.75, 0.75, (6, 2))
        hits = np.flatnonzero(np.hypot(*(place - body[:2]).T) < 0.17)
        for k in hits:
            taste[i] = 1.0 if k < 3 else -1.0
            place[k] = rng.uniform(-0.75, 0.75, 2)
        eyes[i], things[i] = body, place
        goal = place[:3][np.argmin(np.hypot(*(place[:3] - body[:2]).T))] - body[:2]
        turn = (math.atan2(goal[1], goal[0]) - body[2] + math.pi) % (2 * math.pi) - math.pi
        speed += 0.4 * ((0.7 if abs(turn) < 0.7 else 0.15) - speed)
        way = speed * DT * np.array([math.cos(body[2]), math.sin(body[2])])
        body = np.array([*(body[:2] + way), body[2] + np.clip(turn, -0.3, 0.3)])
        body[:2] = np.clip(body[:2], -0.93, 0.93)
    return eyes, things, taste


def _look(eye: np.ndarray, things: np.ndarray) -> np.ndarray:
    """Retina [rows, rays, 4] of one moment: walls and pillars of radius 0.1 m."""
    angles = eye[2] + np.array(ANGLES)
    along = np.stack([np.cos(angles), np.sin(angles)], 1)
    normals = np.array(list(WALLS.values()), float)
    toward = along @ normals.T
    depths = np.where(toward > 1e-6, (HALF - normals @ eye[:2]) / np.maximum(toward, 1e-6), np.inf)
    colour, depth = WALL_COLOURS[depths.argmin(1)] * 0.8, depths.min(1)
    for k, thing in enumerate(things):
        ahead = along @ (thing - eye[:2])
        miss = np.sum((thing - eye[:2]) ** 2) - ahead**2
        hit = ahead - np.sqrt(np.maximum(0.01 - miss, 0))
        seen = (miss < 0.01) & (hit > 0) & (hit < depth)
        depth, colour = np.where(seen, hit, depth), np.where(seen[:, None], GOOD if k < 3 else BAD, colour)
    row = np.concatenate([colour, np.exp(-depth)[:, None]], 1)
    return np.stack([row] * ROWS)


def _scene(eyes: np.ndarray, things: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[Geom, ...]]:
    geoms = [Geom("floor", "plane", (HALF, HALF, 0.1))]
    poses = [np.zeros((len(eyes), 3))]
    colours = [np.array([0.46, 0.49, 0.53])]
    for (name, (x, y)), colour in zip(WALLS.items(), WALL_COLOURS, strict=True):
        geoms.append(Geom(f"wall_{name}", "box", (0.02 if x else HALF + 0.04, 0.02 if y else HALF + 0.04, 0.125)))
        poses.append(np.tile([x * 1.02, y * 1.02, 0.125], (len(eyes), 1)))
        colours.append(colour)
    for name, kind, size, ahead, z, colour in (
        ("body/hull", "cylinder", (0.06, 0.04, 0.0), 0.0, 0.05, (0.25, 0.52, 0.90)),
        ("body/head", "sphere", (0.035, 0.0, 0.0), 0.045, 0.1, (0.93, 0.94, 0.96)),
    ):
        geoms.append(Geom(name, kind, size))  # type: ignore[arg-type]
        offset = ahead * np.stack([np.cos(eyes[:, 2]), np.sin(eyes[:, 2])], 1)
        poses.append(np.concatenate([eyes[:, :2] + offset, np.full((len(eyes), 1), z)], 1))
        colours.append(np.array(colour))
    for k in range(8):
        geoms.append(Geom(f"thing_{k}", "cylinder", (0.1, 0.1, 0.0)))
        parked = np.tile([0.0, 0.0, -5.0], (len(eyes), 1))
        poses.append(np.concatenate([things[:, k], np.full((len(eyes), 1), 0.1)], 1) if k < 6 else parked)
        colours.append(GOOD if k < 3 else BAD)
    geoms += [Geom("panel", "box", (0.02, 0.25, 0.1)), Geom("pebble", "ellipsoid", (0.07, 0.05, 0.04))]
    geoms += [Geom("log", "capsule", (0.04, 0.12, 0.0))]
    poses += [np.tile(place, (len(eyes), 1)) for place in ([0.1, 0.1, 0.1], [0.8, -0.8, 0.03], [-0.8, 0.75, 0.16])]
    colours += [np.array(c) for c in ([0.6, 0.8, 1.0], [0.62, 0.58, 0.5], [0.55, 0.4, 0.28])]
    pose = np.zeros((len(eyes), len(geoms), 7), np.float32)
    pose[..., :3], pose[..., 3] = np.stack(poses, 1), 1.0
    pose[:, 5:7, 3], pose[:, 5:7, 6] = np.cos(eyes[:, 2:] / 2), np.sin(eyes[:, 2:] / 2)
    rgba = np.ones((len(eyes), len(geoms), 4), np.float32)
    rgba[..., :3] = np.stack(colours)
    rgba[:, -3, 3] = 0.25
    return pose, rgba, tuple(geoms)


def _activity(
    rng: np.random.Generator, retina: np.ndarray, near: np.ndarray, taste: np.ndarray
) -> dict[str, np.ndarray]:
    steps = len(near)
    wave = [0.5 + 0.4 * np.sin(np.arange(steps) * DT * k + k) for k in (0.7, 1.3, 2.1, 0.4)]
    eaten = _smooth(np.abs(taste), 12)
    return {
        "body.retina": retina[..., 3].mean((1, 2)),
        "body.proprio": 0.4 * wave[1],
        "retina.code": near**2,
        "proprio.code": 0.3 * wave[1] + 0.1 * rng.random(steps),
        "v1.spikes": 0.12 * near**2,
        "fusion.code": 0.5 * near + 0.2 * wave[1],
        "hippocampus.recall": np.clip(_smooth(eaten, 15) * 2 + 0.1 * wave[3], 0, 1),
        "cortex.state": 0.3 + 0.3 * wave[0],
        "critic.value": np.abs(_smooth(near * 2 + taste, 8)),
        "prefrontal.gate": wave[3],
        "motor.action": 0.5 * wave[2] + 0.3 * near,
    }


def _spikes(rng: np.random.Generator, retina: np.ndarray) -> np.ndarray:
    """Each neuron looks along one direction and fires with what is near there: bool [T, ticks, N]."""
    share = np.repeat(retina[:, 0, :, 3], NEURONS // RAYS, axis=1)[:, None]
    return rng.random((len(retina), TICKS, NEURONS)) < 0.02 + 0.5 * share**4


def _membrane(rng: np.random.Generator, retina: np.ndarray) -> np.ndarray:
    """[T, N], thresholds at 1."""
    share = np.repeat(retina[:, 0, :, 3], NEURONS // RAYS, axis=1)
    return share**2 + 0.1 * rng.normal(size=share.shape)


def _weights(near: np.ndarray) -> np.ndarray:
    """Of every third of 24 synapses, [T, 8]: each grows by what is near, at a pace of its own."""
    return np.cumsum(near[:, None] * np.linspace(-0.01, 0.02, 8), axis=0)


def _levels(taste: np.ndarray) -> np.ndarray:
    """[T, 4]: a surprise, how usual surprises are, how unusual this one, and the mean of what was eaten."""
    surprise = taste - _smooth(taste, 20)
    usual = _smooth(surprise**2, 40)
    return np.stack([surprise, usual, np.exp(-usual) * np.abs(surprise), _smooth(taste, 60)], 1)


def _plans(eyes: np.ndarray, episode: np.ndarray) -> np.ndarray:
    """[T, H + 1, 3]: every so often where the body will in truth go, a little aside; NaN in between."""
    plans = np.full((len(eyes), HORIZON + 1, 3), np.nan)
    for i in range(0, len(eyes) - HORIZON, PLANS):
        if episode[i] == episode[i + HORIZON]:
            plans[i] = eyes[i : i + HORIZON + 1]
            plans[i, :, 1] += 0.1 * np.linspace(0, 1, HORIZON + 1) ** 2
    return plans


def _smooth(values: np.ndarray, width: int) -> np.ndarray:
    return np.convolve(values, np.hanning(width + 2)[1:-1] / (width / 2), "same")
