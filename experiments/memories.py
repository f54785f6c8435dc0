"""The moments that a trained agent's store holds: as a table, in a Parquet file and back, and searched."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from agent.errors import ConfigError, unknown
from agent.memory.search import nearest
from agent.memory.store import StoreConfig
from experiments.config import read as config_of
from experiments.errors import RunError
from experiments.run import Run, create, load

FORMAT, VERSION = "scrubjay-memory", 1
COLUMNS = {"keys": "key", "values": "value", "written": "decision"}
"""Names in the table of what the store calls otherwise; all else keeps its name."""
COUNTS = ("now", "lived", "episodes")
REMEDY = "Install it: pip install 'scrubjay[life]'"


@dataclass(frozen=True)
class Memories:
    """Moments, a row each, from all environments (`[R, ...]` each), and how far each environment has counted.

    Columns: environment, slot, decision (of its episode), key, value; where the store keeps them episode, born (the
    decision of its life), place, reward, priority, recalls (the sum of its weights in recalls).
    """

    columns: dict[str, np.ndarray]
    counts: dict[str, np.ndarray]  # [B]
    slots: int


def of_run(run: Run, module: str = "", checkpoint: int | None = None) -> Memories:
    """What a checkpoint's store holds, the newest if none is named."""
    name = store(run, module)
    state = jax.tree.map(np.asarray, run.learner(checkpoint).life.brain["modules"][name])
    environment, slot = np.nonzero(state["written"] >= 0)
    columns: dict[str, np.ndarray] = {"environment": environment.astype(np.int32), "slot": slot.astype(np.int32)}
    for field, held in state.items():
        if field not in (*COUNTS, "recent"):
            columns[COLUMNS.get(str(field), str(field))] = held[environment, slot]
    return Memories(columns, {name: state[name] for name in COUNTS if name in state}, state["written"].shape[1])


def store(run: Run, module: str = "") -> str:
    """The name of a run's store: the one that is asked for, or the only one there is."""
    stores = [name for name, config in run.circuit.modules.items() if isinstance(config, StoreConfig)]
    if not stores:
        raise RunError(f"{run.path} has no store of moments. Train one with agent/memory=episodic.")
    if module and module not in stores:
        raise ConfigError(f"--module {module}: {unknown('store', module, stores)}")
    if not module and len(stores) > 1:
        raise ConfigError(f"{run.path} has several stores: {', '.join(stores)}. Name one with --module.")
    return module or stores[0]


def continued(run: Run, memories: Memories, target: Path, module: str = "", checkpoint: int | None = None) -> Run:
    """A new run that goes on from a checkpoint of `run` with those memories in place of its own."""
    name = store(run, module)
    config = run.circuit.modules[name]
    if not config.life:
        raise RunError(
            f"{run.path}: {name!r} forgets at the start of every episode, so that what is brought in would be lost. "
            f"Train one that keeps: agent.modules.{name}.life=true"
        )
    learner = run.learner(checkpoint)
    brain = learner.life.brain
    held = filled(
        brain["modules"][name], run.circuit.boxes[name].initial(learner.returns.shape[0]), memories, str(run.path)
    )
    life = learner.life._replace(brain=brain | {"modules": brain["modules"] | {name: held}})
    made = create(target, config_of(run.path / "config.yaml"))
    made.checkpoints.save(int(learner.updates), learner._replace(life=life))
    return made


def filled(state: Any, empty: Any, memories: Memories, place: str) -> Any:
    """A store's state with those moments and counts; RunError where sizes differ."""
    columns = memories.columns
    held = {field: np.array(x) for field, x in empty.items() if field not in (*COUNTS, "recent")}
    batch, slots = held["written"].shape
    rows = (columns["environment"], columns["slot"])
    needs = (int(rows[0].max(initial=-1)) + 1, int(rows[1].max(initial=-1)) + 1)
    if needs[0] > batch or needs[1] > slots or any(len(x) != batch for x in memories.counts.values()):
        found = len(next(iter(memories.counts.values()), ()))
        raise RunError(
            f"the memories come from {found} environments and use {needs[1]} slots, but {place} has {batch} and "
            f"{slots}. "
            "Set learning.environments, and slots of the store, to the same numbers."
        )
    for field, x in held.items():
        column = COLUMNS.get(field, field)
        if column not in columns or columns[column].shape[1:] != x.shape[2:]:
            found = list(columns[column].shape[1:]) if column in columns else "nothing"
            raise RunError(
                f"the memories hold {found} as {column!r} of a moment, but the store of {place} holds "
                f"{list(x.shape[2:])}. "
                "Bring them into a brain of the same sizes and wires."
            )
        x[rows] = columns[column]
    counts = {field: jnp.asarray(x, jnp.int32) for field, x in memories.counts.items()}
    return state | {field: jnp.asarray(x) for field, x in held.items()} | counts


def save(memories: Memories, path: Path) -> Path:
    """Writes a Parquet file; bit for bit what `read` gives back. Needs extra `life`."""
    arrow, parquet = _arrow()
    arrays = {}
    for name, x in memories.columns.items():
        flat = arrow.array(np.ascontiguousarray(x).reshape(-1))
        arrays[name] = flat if x.ndim == 1 else arrow.FixedSizeListArray.from_arrays(flat, x.shape[1])
    header = {"format": FORMAT, "version": VERSION, "slots": memories.slots}
    header["counts"] = {name: x.tolist() for name, x in memories.counts.items()}
    table = arrow.table(arrays).replace_schema_metadata({FORMAT: json.dumps(header)})
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table, part, compression="zstd")
        part.replace(path)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error}. Choose another file with -o.") from error
    finally:
        part.unlink(missing_ok=True)
    return path


def read(path: Path) -> Memories:
    """What `save` wrote; RunError on anything else."""
    arrow, parquet = _arrow()
    if not path.is_file():
        raise RunError(f"no memories at {path}. 'scrubjay memory RUN export' writes some.")
    try:
        table = parquet.read_table(path)
        header = json.loads((table.schema.metadata or {})[FORMAT.encode()])
        if header["version"] != VERSION:
            raise RunError(f"{path} has format {header['version']}, this version reads {VERSION}. Export it again.")
        columns = {name: _array(table[name].combine_chunks()) for name in table.column_names}
        counts = {name: np.asarray(x, np.int32) for name, x in header["counts"].items()}
        return Memories(
            {n: columns[n] for n in ("environment", "slot", "decision", "key", "value")} | columns,
            counts,
            header["slots"],
        )
    except (arrow.ArrowException, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        short = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise RunError(
            f"{path} cannot be read as memories ({short}): it is damaged, or another kind of file. "
            "Write it again with 'scrubjay memory RUN export'."
        ) from error


def _array(column: Any) -> np.ndarray:
    if hasattr(column, "chunks"):
        column = column.chunk(0)
    if not hasattr(column.type, "list_size"):
        return column.to_numpy(zero_copy_only=False)
    return column.flatten().to_numpy(zero_copy_only=False).reshape(-1, column.type.list_size)


def _arrow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise RunError(f"memories are kept in Parquet files, and pyarrow is not there ({error}). {REMEDY}") from error


def of(place: str, module: str = "", checkpoint: int | None = None) -> Memories:
    """Of a run directory or a Parquet file."""
    path = Path(place)
    return read(path) if path.suffix == ".parquet" else of_run(load(place), module, checkpoint)


def search(memories: Memories, like: int, count: int, keep: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the moments whose keys are most like that of row `like`, itself left out, and their inner products."""
    keys = memories.columns["key"]
    if not 0 <= like < len(keys):
        raise RunError(f"--like {like}: there are {len(keys)} moments, from 0 to {len(keys) - 1}.")
    eligible = np.ones(len(keys), bool) if keep is None else keep.copy()
    eligible[like] = False
    rows = np.flatnonzero(eligible)
    if not len(rows):
        return rows, np.zeros(0, np.float32)
    likeness, found = nearest(jnp.asarray(keys[like : like + 1]), jnp.asarray(keys[rows]), min(count, len(rows)))
    return rows[np.asarray(found[0])], np.asarray(likeness[0])
