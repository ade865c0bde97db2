"""The decoder on a GPU: frames of fixed shape, replayed as CUDA graphs, with the host one frame ahead.

Rows are decoded in buckets (1, 2, 4, 8, 16, 24 …); rows of a bucket that are not in use are computed and
ignored. A frame is two graphs: sampling (the fast transformer's ten steps), one per bucket, and advancing
(the slow step), one per bucket and span of KV positions. Ragged kernels, which read each row's own length,
need no spans. Where Triton or graph capture is not available, decoding goes on without it, and `notes` says
so.
"""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

import torch

from fishd.engines.fish.cuda.async_readback import AsyncReadback
from fishd.engines.fish.cuda.capture import Capture, CudaCapture, GraphCache
from fishd.engines.fish.cuda.fused_frame import FusedFastTransformer, FusedSlowTransformer, require_plain
from fishd.engines.fish.cuda.op_check import find_mismatches
from fishd.engines.fish.cuda.ops import Ops, ReferenceOps
from fishd.engines.fish.cuda.triton_ops import TritonOps
from fishd.engines.fish.decode.decoder import Decoder, Prompt, RowStatus
from fishd.engines.fish.decode.slot_plan import SlotPlan
from fishd.engines.fish.memory import is_out_of_memory
from fishd.engines.fish.model.architecture import Model
from fishd.engines.fish.model.rows import Rows

SMALL_BUCKETS = (1, 2, 4, 8)
BUCKET_STEP = 8
KV_SPANS = (128, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192)  # positions read

CaptureFactory = Callable[[torch.device], Capture]
OpsFactory = Callable[[Model, Rows], Ops]


@dataclass(frozen=True, slots=True)
class FrameSettings:
    """How frames are decoded: captured unless `make_capture` is None, by ops unless `make_ops` is None.

    Ops that cannot be made raise. With `ops_optional`, they are also compared with the plain path first, and
    left out, with a note, if either fails.
    """

    make_capture: CaptureFactory | None = CudaCapture
    make_ops: OpsFactory | None = None
    ops_optional: bool = False


def frame_settings(kernels: str, *, graphs: bool, upstream_quirks: bool = False) -> FrameSettings:
    """The settings for the engine's options; "auto" uses Triton's kernels if Triton is installed."""
    make_capture = CudaCapture if graphs else None
    if upstream_quirks or kernels == "plain" or (kernels == "auto" and find_spec("triton") is None):
        return FrameSettings(make_capture)
    return FrameSettings(make_capture, TritonOps, ops_optional=kernels == "auto")


class GraphDecoder(Decoder):
    """Decodes every take exactly as Decoder does."""

    def __init__(
        self,
        model: Model,
        plan: SlotPlan,
        *,
        upstream_quirks: bool = False,
        settings: FrameSettings | None = None,
    ) -> None:
        self._settings = settings or FrameSettings()
        super().__init__(model, plan, upstream_quirks=upstream_quirks)

    def reshape(self, slots: int, length: int) -> None:
        """See Decoder. Graphs refer to the old rows and are dropped."""
        super().reshape(slots, length)
        self._readback = AsyncReadback(self.rows, self.model.device)
        self._ops = self._make_ops()
        if ops := self._ops:
            self._slow = FusedSlowTransformer(self.model, self._keys, self._values, ops)
            self._fast = FusedFastTransformer(self.model, self.rows, ops)
        make_capture = self._settings.make_capture
        self._graphs = GraphCache(make_capture(self.model.device) if make_capture else None, self.notes)
        self._num_in_use = 0

    def warm_up(self) -> None:
        """Capture every bucket's frame, so that no take waits for it. Only while no row is in use."""
        for n in row_buckets(self.slots):
            for _ in range(3):
                self.sample_frame(n)
                self.advance(n)
        self.rows.position.zero_()
        self._positions = [0] * self.slots
        self._num_in_use = 0

    @torch.inference_mode()
    def prefill(self, rows: Sequence[int], prompts: Sequence[Prompt]) -> None:
        """See Decoder."""
        super().prefill(rows, prompts)
        self._readback.invalidate(rows)

    @torch.inference_mode()
    def move_row(self, source: int, target: int) -> None:
        """See Decoder."""
        super().move_row(source, target)
        self._readback.invalidate([target])

    @torch.inference_mode()
    def sample_frame(self, n: int) -> None:
        """See Decoder."""
        rows = self._bucket(n)
        self._park_unused_rows(n)
        self._graphs.run(("sample", rows), lambda: self._fast.sample_frame(rows))
        self._readback.enqueue(n)

    @torch.inference_mode()
    def advance(self, n: int) -> None:
        """See Decoder."""
        rows, used = self._bucket(n), self._kv_span(max(self._positions[:n]) + 1)
        self._graphs.run(("advance", rows, used), lambda: self._advance(rows, used))
        for row in range(n):
            self._positions[row] += 1

    def recent_status(self, n: int) -> list[RowStatus]:
        """See Decoder. As of the frame before the last: the frame just queued is not waited for."""
        return self._readback.previous(n)

    def _advance(self, rows: int, used: int) -> None:
        r = self.rows
        r.hidden[:rows] = self._slow.step(r.frame[:rows], r.position[:rows], used)
        r.position[:rows] = (r.position[:rows] + 1).clamp(max=self.length - 1)

    def _park_unused_rows(self, n: int) -> None:
        """Put the rows of the bucket that are no longer in use at position 0, where they cost least."""
        if n != self._num_in_use:
            self.rows.position[n : self._bucket(n)] = 0
            self._num_in_use = n

    def _bucket(self, n: int) -> int:
        return next(size for size in row_buckets(self.slots) if size >= n)

    def _kv_span(self, used: int) -> int:
        if self._ops and self._ops.is_ragged:
            return self.length
        return next((span for span in KV_SPANS if used <= span <= self.length), self.length)

    def _make_ops(self) -> Ops | None:
        """The settings' ops; None for the plain path."""
        make, model, rows = self._settings.make_ops, self.model, self.rows
        if make is None:
            return None
        require_plain(model)
        if not self._settings.ops_optional:
            return make(model, rows)
        try:
            ops = make(model, rows)
            if not (faults := find_mismatches(model, rows, ops, ReferenceOps(model, rows))):
                return ops
        except Exception as error:
            if is_out_of_memory(error):
                raise
            faults = [f"{type(error).__name__}: {error}".splitlines()[0]]
        self.notes.append(
            f"fish: Triton kernels are not used ({'; '.join(faults)}); the plain path is slower"
        )
        self._settings = replace(self._settings, make_ops=None)
        return None


def row_buckets(slots: int) -> list[int]:
    """The batch sizes that frames are decoded in."""
    small = [size for size in SMALL_BUCKETS if size < slots]
    return [*small, *range(SMALL_BUCKETS[-1] + BUCKET_STEP, slots, BUCKET_STEP), slots]
