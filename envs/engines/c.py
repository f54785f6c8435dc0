"""Engine `c`: MuJoCo's C library, many simulations on a thread pool, called from inside jitted programs.

Nothing is kept between calls but buffers. What evolves in a simulation (time, positions, velocities, activations and
the solver's warm start, all float64) travels through the program as a uint32 view; everything else of MuJoCo's
integration state is an input that every call gives anew.
"""

from __future__ import annotations

import contextlib
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from mujoco.batch import Batch, SimulationError

from envs.physics import CURRENT, Fresh, Parts, Physics, Reads, force_columns, part_geoms

_BITS: Any = mujoco.mjtState
_CARRIED = (
    _BITS.mjSTATE_TIME
    | _BITS.mjSTATE_QPOS
    | _BITS.mjSTATE_QVEL
    | _BITS.mjSTATE_ACT
    | _BITS.mjSTATE_HISTORY
    | _BITS.mjSTATE_WARMSTART
)
_WARNINGS = mujoco.mjtWarning
_FAILURES = [
    int(w)
    for w in (_WARNINGS.mjWARN_BADQPOS, _WARNINGS.mjWARN_BADQVEL, _WARNINGS.mjWARN_BADQACC, _WARNINGS.mjWARN_BADCTRL)
]
_SEEN = 1  # MuJoCo writes a log file at the first warning of a kind: pretend that each has been
_FRESH_READS = int(mujoco.mjtStage.mjSTAGE_VEL)
_EXTERNAL = "cfrc_ext"


class _Worker(NamedTuple):
    batch: Batch
    scratch: mujoco.MjData


class C:
    """MuJoCo's C library. `threads` = 0 takes all processors.

    A Batch serves one call at a time: calls that overlap, as those of several devices do, have one each.
    """

    def __init__(
        self, model: mujoco.MjModel, part_names: list[str], substeps: int, threads: int, reads: Reads = CURRENT
    ) -> None:
        self.model, self._reads = model, reads
        self._geoms = part_geoms(model, part_names)
        self._forces = force_columns(model)
        self._substeps, self._threads = substeps, threads
        self._stage = {"stage": _FRESH_READS} if reads.current else {}
        self._carried = mujoco.mj_stateSize(model, int(_CARRIED))  # a prefix of the integration state
        self._idle: dict[int, list[_Worker]] = defaultdict(list)  # by size of the batch
        self._blank = mujoco.MjData(model)
        self.complaint = ""  # what MuJoCo, or Python, said last of a simulation that failed

    @classmethod
    def refusal(cls) -> str:
        """Programs for TPUs cannot call back; those for GPUs can, at the price of two transfers a step."""
        if jax.default_backend() == "tpu":
            return "it runs on the CPU and is called back from JAX programs, which those for TPUs cannot do"
        return ""

    def initial(self, batch: int) -> jax.Array:
        return jnp.zeros((batch, 2 * self._carried), jnp.uint32)

    def step(
        self, state: jax.Array, ctrl: jax.Array, parts: Parts, done: jax.Array, fresh: Fresh
    ) -> tuple[jax.Array, Physics, jax.Array]:
        number, real = ctrl.shape[0], jnp.zeros(()).dtype
        read: Any = lambda *shape: jax.ShapeDtypeStruct((number, *shape), real)  # noqa: E731
        fields = {name: read(*np.shape(getattr(self._blank, name))) for name in self._reads.fields}
        shapes = (
            jax.ShapeDtypeStruct(state.shape, state.dtype),
            Physics(read(self.model.nq), read(self.model.nv), read(self.model.nsensordata), fields),
            jax.ShapeDtypeStruct((number,), jnp.bool_),
        )
        return jax.pure_callback(self._call, shapes, state, ctrl, parts, done, fresh, vmap_method="broadcast_all")

    def _call(
        self, state: jax.Array, ctrl: jax.Array, parts: Parts, done: jax.Array, fresh: Fresh
    ) -> tuple[np.ndarray, Physics, np.ndarray]:
        """The callback: NumPy only, for JAX inside a callback can deadlock. Axes added by vmap are flattened.

        JAX narrows what is returned to its default width (which `jax_enable_x64` widens, if set for all threads).
        """
        arguments = jax.tree.map(np.asarray, (state, ctrl, parts, done, fresh))
        axes = arguments[3].shape
        flat = jax.tree.map(lambda array: array.reshape(math.prod(axes), *array.shape[len(axes) :]), arguments)
        results = self._guarded(*flat)
        return jax.tree.map(lambda array: array.reshape(*axes, *array.shape[1:]), results)

    def _guarded(
        self, state: np.ndarray, ctrl: np.ndarray, parts: Parts, done: np.ndarray, fresh: Fresh
    ) -> tuple[np.ndarray, Physics, np.ndarray]:
        """As `_advance`; where that raises, each simulation alone, and those that raise again are bad.

        An exception that left a callback would end the whole program. (A crash of the process cannot be caught.)
        """
        inputs, size = (state, ctrl, parts, done, fresh), len(done)
        try:
            return self._advance(*inputs)
        except Exception as error:
            if size == 1:
                self.complaint = f"{type(error).__name__}: {error}"
                return state, self._nothing(), np.ones(1, bool)
        rows = [self._guarded(*_row(inputs, i)) for i in range(size)]
        return jax.tree.map(lambda *leaves: np.concatenate(leaves), *rows)

    def _nothing(self) -> Physics:
        """What is read of one simulation that could not be run."""
        fields = {name: np.zeros((1, *np.shape(getattr(self._blank, name)))) for name in self._reads.fields}
        nothing: Any = [np.zeros((1, n)) for n in (self.model.nq, self.model.nv, self.model.nsensordata)]
        return Physics(*nothing)._replace(reads=fields)

    def _advance(self, *inputs: Any) -> tuple[np.ndarray, Physics, np.ndarray]:
        with self._borrowed(len(inputs[3])) as worker:
            return self._simulated(worker, *inputs)

    def _simulated(
        self, worker: _Worker, state: np.ndarray, ctrl: np.ndarray, parts: Parts, done: np.ndarray, fresh: Fresh
    ) -> tuple[np.ndarray, Physics, np.ndarray]:
        batch = worker.batch
        row = batch.state[:, : self._carried]
        row[:] = np.ascontiguousarray(state).view(np.float64)
        qpos, qvel, sensordata = batch.bind("qpos"), batch.bind("qvel"), batch.bind("sensordata")
        batch.ctrl = ctrl
        if len(self._geoms):
            batch.mocap_pos, batch.mocap_quat = parts.position, parts.quaternion
            batch.expand("geom_size")[:, self._geoms] = parts.size
        batch.warning[:] = _SEEN
        if done.any():
            row[done] = 0.0
            qpos[done], qvel[done] = np.asarray(fresh.qpos)[done], np.asarray(fresh.qvel)[done]
            self._run(batch, batch.forward, ids=np.flatnonzero(done), **self._stage)
        if not done.all():
            moving = np.flatnonzero(~done) if done.any() else None
            self._run(batch, batch.step, ids=moving, nstep=self._substeps, **self._stage)
        reads: Any = [np.array(array) for array in (qpos, qvel, sensordata)]
        reads[2][np.ix_(done, self._forces)] = 0.0
        reads.append({name: np.array(self._field(worker, name, done)) for name in self._reads.fields})
        # a failure adds one to its count, after which MuJoCo resets the simulation and with it the other counts
        bad = (batch.warning[:, _FAILURES, 1] != _SEEN).any(-1) | (batch.status != 0)
        return np.array(row).view(np.uint32), Physics(*reads), bad

    def _field(self, worker: _Worker, name: str, done: np.ndarray) -> np.ndarray:
        """One field of MjData for all simulations; external forces are worked out only when somebody asks."""
        batch = worker.batch
        if name != _EXTERNAL:
            return batch.bind(name)
        forces = np.zeros((len(done), self.model.nbody, 6))
        pressed = (batch.bind("ncon") > 0) | (self.model.neq > 0)
        for index in np.flatnonzero(pressed & ~done):
            data = batch.get_data(int(index), worker.scratch)
            mujoco.mj_rnePostConstraint(self.model, data)
            forces[index] = data.cfrc_ext
        return forces

    def _run(self, batch: Batch, call: Callable[..., None], **arguments: Any) -> None:
        """Those simulations that MuJoCo gives up are told by their status; the others run."""
        try:
            call(**arguments)
        except SimulationError as error:
            self.complaint = batch.error(int(error.ids[0])) or str(error)

    @contextlib.contextmanager
    def _borrowed(self, size: int) -> Iterator[_Worker]:
        """A worker that no other call has; it does not come back after an error, which may leave it in any condition.

        Lists are safe between threads.
        """
        try:
            worker = self._idle[size].pop()
        except IndexError:
            worker = self._worker(size)
        yield worker
        self._idle[size].append(worker)

    def _worker(self, size: int) -> _Worker:
        keep = _EXTERNAL in self._reads.fields  # only a persistent batch knows the contacts of its last substep
        batch = Batch(self.model, size, self._threads, persistent=keep)
        for name in {*self._reads.fields, "ncon"} - {_EXTERNAL}:
            batch.bind(name)  # before the first step, so that it is copied out
        return _Worker(batch, mujoco.MjData(self.model))


def _row(inputs: Any, index: int) -> Any:
    """What belongs to one simulation, `[1, ...]`."""
    return jax.tree.map(lambda leaf: leaf[index : index + 1], inputs)
