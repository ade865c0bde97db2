"""Shared by the sections of fish_gpu.py: their setting, a decoder with its rows prefilled, and timing."""

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

PROMPT_FRAMES = 258  # 12 s of reference
TEXT = "A line of ordinary length, as they are spoken in a play, not too long."
WARM_FRAMES, MEASURED_FRAMES = 12, 64
ROW_TOKENS = 512  # rows are at about 330 to 430 tokens while they are measured


@dataclass(frozen=True, slots=True)
class Setting:
    """What a section is run with."""

    section: str
    checkpoint: str
    device: str
    tiny: bool
    rows: list[int]
    precision: str
    limit_s: float

    @property
    def torch_device(self) -> torch.device:
        return torch.device(self.device)

    @property
    def is_cuda(self) -> bool:
        return self.torch_device.type == "cuda"

    @property
    def dtype(self) -> torch.dtype:
        return torch.float32 if self.tiny else getattr(torch, self.precision)

    @property
    def kernels(self) -> list[str]:
        """The one expected to be fastest first."""
        return ["triton", "plain"] if self.is_cuda else ["plain"]

    @property
    def main_rows(self) -> int:
        """The number of rows for sections that measure only one."""
        return 64 if 64 in self.rows else max(self.rows)


def timed(setting: Setting, work, count: int) -> float:
    """Seconds for one call of `work`, the median of `count` calls after three, by device events."""
    spans = []
    for _ in range(3 + count):
        if setting.is_cuda:
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


def load(setting: Setting) -> Model:
    return load_model(Path(setting.checkpoint), setting.torch_device, setting.dtype)


def make_decoder(
    model: Model, n: int, kernels: str, *, graphs: bool, tuning: Tuning | None = None
) -> GraphDecoder:
    settings = frame_settings(kernels, graphs=graphs and model.device.type == "cuda")
    if tuning:
        settings = replace(settings, make_ops=lambda model, rows: TritonOps(model, rows, tuning))
    return GraphDecoder(model, SlotPlan(n, ROW_TOKENS, 0, ""), settings=settings)


def prefill(decoder: Decoder, n: int) -> int:
    """Prefill n rows of one voice. Returns their length in tokens."""
    model = decoder.model
    codes = torch.randint(
        0, 64, (model.num_codebooks, PROMPT_FRAMES), generator=torch.Generator().manual_seed(0)
    )
    prefix = decoder.prefill_prefix(prefix_tokens(model.tokenizer, "What the clip says.", codes))
    suffix = suffix_tokens(model.tokenizer, TEXT[:40], model.num_codebooks)
    prompts = [Prompt(prefix, suffix, seed, Sampling()) for seed in range(n)]
    decoder.prefill(range(n), prompts)
    return prompts[0].length


def decode_frame(decoder: Decoder, n: int) -> None:
    """What the engine does for each frame."""
    decoder.sample_frame(n)
    decoder.recent_status(n)
    decoder.advance(n)


def measure(setting: Setting, decoder: Decoder, n: int, count: int = MEASURED_FRAMES) -> dict:
    """Frames a second over all rows: wall time with the device idle before and after."""
    prefill(decoder, n)
    synchronise(setting)
    begin = time.perf_counter()
    start = prefill(decoder, n)
    synchronise(setting)
    prefill_s = time.perf_counter() - begin
    count = count if setting.is_cuda else 6
    for _ in range(WARM_FRAMES):
        decode_frame(decoder, n)
    synchronise(setting)
    begin = time.perf_counter()
    for _ in range(count):
        decode_frame(decoder, n)
    queued_s = time.perf_counter() - begin
    synchronise(setting)
    frame_s = (time.perf_counter() - begin) / count
    used = start + WARM_FRAMES + count // 2
    return {
        "rows": n, "frame_ms": frame_s * 1e3, "frames_s": n / frame_s,
        "x_real_time": n / frame_s / FRAME_RATE, "host_ms": queued_s / count * 1e3,
        "prefill_ms": prefill_s * 1e3, "tokens_a_row": used, "notes": list(decoder.notes),
    }  # fmt: skip


def synchronise(setting: Setting) -> None:
    if setting.is_cuda:
        torch.cuda.synchronize()
