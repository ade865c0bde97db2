"""What the sections of fish_gpu.py share: what they are told, our decoder with rows seated, and time."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import torch

from bench.fish_decode import FRAME_RATE
from fishd.engines.fish.cuda.graph_decoder import GraphDecoder, frame_settings
from fishd.engines.fish.cuda.triton_ops import TritonOps, Tuning
from fishd.engines.fish.decode.decoder import Decoder, Prompt
from fishd.engines.fish.decode.slot_plan import SlotPlan
from fishd.engines.fish.model.architecture import Model
from fishd.engines.fish.model.weights import load_model
from fishd.engines.fish.options import Sampling
from fishd.engines.fish.prompt import prefix_tokens, suffix_tokens

PROMPT_FRAMES, TEXT = (
    258,
    "A line of ordinary length, as they are spoken in a play, not too long.",
)  # 12 s of reference
WARM, MEASURED, LENGTH = 12, 64, 512  # rows stand at about 330 to 430 tokens while they are measured


@dataclass(frozen=True, slots=True)
class Setting:
    """What a section is told."""

    section: str
    checkpoint: str
    device: str
    tiny: bool
    rows: list[int]
    precision: str
    limit_s: float

    @property
    def where(self) -> torch.device:
        return torch.device(self.device)

    @property
    def is_cuda(self) -> bool:
        return self.where.type == "cuda"

    @property
    def dtype(self) -> torch.dtype:
        return torch.float32 if self.tiny else getattr(torch, self.precision)

    @property
    def kernels(self) -> list[str]:
        """From what is expected to be the fastest to the plainest."""
        return ["triton", "plain"] if self.is_cuda else ["plain"]

    @property
    def widest(self) -> int:
        """The number of rows of which sections that look at one number speak."""
        return 64 if 64 in self.rows else max(self.rows)


def timed(given: Setting, work, count: int) -> float:
    """Seconds that one piece of work takes, the median of `count` after three, by device events."""
    spans = []
    for _ in range(3 + count):
        if given.is_cuda:
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            work()
            end.record()
            end.synchronize()
            spans.append(begin.elapsed_time(end) / 1e3)
        else:
            at = time.perf_counter()
            work()
            spans.append(time.perf_counter() - at)
    return median(spans[3:])


def load(given: Setting) -> Model:
    return load_model(Path(given.checkpoint), given.where, given.dtype)


def make_decoder(
    model: Model, n: int, kernels: str, *, graphs: bool, tuning: Tuning | None = None
) -> GraphDecoder:
    settings = frame_settings(kernels, graphs=graphs and model.device.type == "cuda")
    if tuning:
        settings = replace(settings, make_ops=lambda model, rows: TritonOps(model, rows, tuning))
    return GraphDecoder(model, SlotPlan(n, LENGTH, 0, ""), settings=settings)


def prefill(decoder: Decoder, n: int) -> int:
    """Seat n rows of one voice; -> their length."""
    model = decoder.model
    codes = torch.randint(
        0, 64, (model.num_codebooks, PROMPT_FRAMES), generator=torch.Generator().manual_seed(0)
    )
    prefix = decoder.prefill_prefix(prefix_tokens(model.tokenizer, "What the clip says.", codes))
    suffix = suffix_tokens(model.tokenizer, TEXT[:40], model.num_codebooks)
    decoder.prefill(range(n), [Prompt(prefix, suffix, seed, Sampling()) for seed in range(n)])
    return prefix.shape[2 + 1] + suffix.shape[1]


def frame(decoder: Decoder, n: int) -> None:
    """What the engine does a frame."""
    decoder.sample_frame(n)
    decoder.recent_status(n)
    decoder.advance(n)


def measure(given: Setting, decoder: Decoder, n: int, count: int = MEASURED) -> dict:
    """Frames a second over all rows, wall time from a device at rest to a device at rest."""
    prefill(decoder, n)
    synchronise(given)
    begin = time.perf_counter()
    start = prefill(decoder, n)
    synchronise(given)
    seat_s = time.perf_counter() - begin
    count = count if given.is_cuda else 6
    for _ in range(WARM):
        frame(decoder, n)
    synchronise(given)
    begin = time.perf_counter()
    for _ in range(count):
        frame(decoder, n)
    queued_s = time.perf_counter() - begin
    synchronise(given)
    frame_s = (time.perf_counter() - begin) / count
    used = start + WARM + count // 2
    return {
        "rows": n, "frame_ms": frame_s * 1e3, "frames_s": n / frame_s,
        "x_real_time": n / frame_s / FRAME_RATE, "host_ms": queued_s / count * 1e3,
        "seat_ms": seat_s * 1e3, "tokens_a_row": used, "notes": list(decoder.notes),
    }  # fmt: skip


def synchronise(given: Setting) -> None:
    if given.is_cuda:
        torch.cuda.synchronize()
