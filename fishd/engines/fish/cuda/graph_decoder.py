"""The decoder on a GPU: frames of fixed shape, replayed as CUDA graphs, with the host a frame ahead.

Rows are drawn in buckets (1, 2, 4, 8, 16, 24 …): what stands behind the last row in use is computed too and
means nothing. A frame is two records: the draw (the fast transformer's ten steps with their sampling), one a
bucket, and the advance (the slow step), one a bucket and stretch of positions looked at; kernels that see
each row's own length need no stretches. What cannot be had (Triton, a capture) is done without, and noted.
"""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

import torch

from fishd.engines.fish.cuda.async_readback import Glances
from fishd.engines.fish.cuda.capture import CudaRecorder, Recorder, Replays
from fishd.engines.fish.cuda.fused_frame import FusedFast, FusedSlow, require_plain
from fishd.engines.fish.cuda.op_check import disagreements
from fishd.engines.fish.cuda.ops import Ops, ReferenceOps
from fishd.engines.fish.cuda.triton_ops import TritonOps
from fishd.engines.fish.decode.decoder import Decoder, Look, Prompt
from fishd.engines.fish.decode.kv import Plan
from fishd.engines.fish.memory import is_out_of_memory
from fishd.engines.fish.model.architecture import Model
from fishd.engines.fish.model.rows import Rows

FEW_ROWS = (1, 2, 4, 8)
ROWS_STEP = 8
STRETCHES = (128, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192)  # positions looked at

OpsFactory = Callable[[Model, Rows], Ops]
RecorderFactory = Callable[[torch.device], Recorder]


@dataclass(frozen=True, slots=True)
class FrameSettings:
    """How frames are decoded: recorded unless `make_recorder` is None, by ops unless `make_ops` is None.

    `is_optional`: ops that cannot be made, or fail the check at load, are noted and done without; else they
    raise.
    """

    make_recorder: RecorderFactory | None = CudaRecorder
    make_ops: OpsFactory | None = None
    is_optional: bool = False


def frame_settings(kernels: str, *, graphs: bool, upstream_quirks: bool = False) -> FrameSettings:
    """The settings that the options name; "auto" is Triton's kernels where Triton is installed."""
    make_recorder = CudaRecorder if graphs else None
    if upstream_quirks or kernels == "plain" or (kernels == "auto" and find_spec("triton") is None):
        return FrameSettings(make_recorder)
    return FrameSettings(make_recorder, TritonOps, is_optional=kernels == "auto")


class GraphDecoder(Decoder):
    """See decode.Decoder, which it equals take for take; and above."""

    def __init__(
        self,
        model: Model,
        plan: Plan,
        *,
        upstream_quirks: bool = False,
        settings: FrameSettings | None = None,
    ) -> None:
        self._settings = settings or FrameSettings()
        super().__init__(model, plan, upstream_quirks=upstream_quirks)

    def reshape(self, slots: int, length: int) -> None:
        """See Decoder. All records are of the old rows, and go."""
        super().reshape(slots, length)
        self._glances = Glances(self.rows, self.model.device)
        self._ops = self._make_ops()
        if ops := self._ops:
            self._slow = FusedSlow(self.model, self._keys, self._values, ops)
            self._fast = FusedFast(self.model, self.rows, ops)
        make_recorder = self._settings.make_recorder
        self._replays = Replays(make_recorder(self.model.device) if make_recorder else None)
        self._replays.notes = self.notes
        self._in_use = 0

    def prepare(self) -> None:
        """Record every bucket's frame, so that no take waits for it. Only while no row is in use."""
        for n in row_buckets(self.slots):
            for _ in range(3):
                self.draw(n)
                self.advance(n)
        self.rows.position.zero_()
        self._positions = [0] * self.slots
        self._in_use = 0

    @torch.inference_mode()
    def begin(self, rows: Sequence[int], prompts: Sequence[Prompt]) -> None:
        super().begin(rows, prompts)
        self._glances.changed(rows)

    @torch.inference_mode()
    def move(self, source: int, target: int) -> None:
        super().move(source, target)
        self._glances.changed([target])

    @torch.inference_mode()
    def draw(self, n: int) -> None:
        rows = self._bucket(n)
        self._rest(n)
        self._replays.run(("draw", rows), lambda: self._fast.sample_frame(rows))
        self._glances.drawn(n)

    @torch.inference_mode()
    def advance(self, n: int) -> None:
        rows, used = self._bucket(n), self._stretch(max(self._positions[:n]) + 1)
        self._replays.run(("advance", rows, used), lambda: self._advance(rows, used))
        for row in range(n):
            self._positions[row] += 1

    def glance(self, n: int) -> list[Look]:
        """The first n rows as of the frame before the last. Does not wait for the frame just queued."""
        return [Look(*pair) for pair in self._glances.previous(n)]

    def _advance(self, rows: int, used: int) -> None:
        r = self.rows
        r.hidden[:rows] = self._slow.step(r.frame[:rows], r.position[:rows], used)
        r.position[:rows] = (r.position[:rows] + 1).clamp(max=self.length - 1)

    def _rest(self, n: int) -> None:
        """Put rows that have come out of use back to the beginning, where they cost least."""
        if n != self._in_use:
            self.rows.position[n : self._bucket(n)] = 0
            self._in_use = n

    def _bucket(self, n: int) -> int:
        return next(size for size in row_buckets(self.slots) if size >= n)

    def _stretch(self, used: int) -> int:
        if self._ops and self._ops.is_ragged:
            return self.length
        return next((size for size in STRETCHES if used <= size <= self.length), self.length)

    def _make_ops(self) -> Ops | None:
        """The settings' ops; None for the plain path."""
        make, model, rows = self._settings.make_ops, self.model, self.rows
        if make is None:
            return None
        require_plain(model)
        if not self._settings.is_optional:
            return make(model, rows)
        try:
            ops = make(model, rows)
            if not (faults := disagreements(model, rows, ops, ReferenceOps(model, rows))):
                return ops
        except Exception as error:
            if is_out_of_memory(error):
                raise
            faults = [f"{type(error).__name__}: {error}".splitlines()[0]]
        self.notes.append(
            f"fish: Triton's kernels are not used ({'; '.join(faults)}); the plain ones are slower"
        )
        self._settings = replace(self._settings, make_ops=None)
        return None


def row_buckets(slots: int) -> list[int]:
    """The numbers of rows that are drawn together."""
    few = [size for size in FEW_ROWS if size < slots]
    return [*few, *range(FEW_ROWS[-1] + ROWS_STEP, slots, ROWS_STEP), slots]
