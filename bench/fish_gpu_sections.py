"""The sections of fish_gpu.py that measure one process: all but episode, package and workers."""

from __future__ import annotations

import json
import math
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from bench.fish_decode import FRAME_RATE, frame_cost
from fishd.engines.fish.decode import Decoder, Prompt
from fishd.engines.fish.graphs import GraphDecoder, Switches
from fishd.engines.fish.graphs_ops import Tuning
from fishd.engines.fish.kv import Plan
from fishd.engines.fish.model import Model, load_model
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
        return ["triton", "torch", "plain"] if self.is_cuda else ["torch", "plain"]

    @property
    def widest(self) -> int:
        """The number of rows of which sections that look at one number speak."""
        return 64 if 64 in self.rows else max(self.rows)


def main() -> None:
    given = Setting(**json.loads(sys.argv[1]))
    from bench import fish_gpu_crowd, fish_gpu_episode

    sections = {
        "machine": machine, "check": check, "decode": decode, "profile": profile, "attention": attention,
        "compile": compiled, "episode": fish_gpu_episode.episode, "package": fish_gpu_crowd.package,
        "workers": fish_gpu_crowd.workers,
    }  # fmt: skip
    print(json.dumps(sections[given.section](given)), flush=True)


# ---- the machine ---------------------------------------------------------------------------------------


def machine(given: Setting) -> dict:
    """What it is, its copy bandwidth (bytes read and written) and its matrix rate on random numbers."""
    size, side = (4 << 30, 8192) if given.is_cuda else (64 << 20, 512)
    source = torch.randint(0, 255, (size,), dtype=torch.uint8, device=given.where)
    target = torch.empty_like(source)
    a, b = (torch.randn(side, side, device=given.where).to(given.dtype) for _ in range(2))
    copy_s = timed(given, lambda: target.copy_(source), 20)
    product_s = timed(given, lambda: a @ b, 20)
    name = torch.cuda.get_device_name(given.where) if given.is_cuda else "CPU"
    return {
        "device": name, "torch": torch.__version__, "cuda": torch.version.cuda,
        "copy_gb_s": 2 * size / copy_s / 1e9, "matrix_tflop_s": 2 * side**3 / product_s / 1e12,
    }  # fmt: skip


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


# ---- our decoder ---------------------------------------------------------------------------------------


def load(given: Setting) -> Model:
    return load_model(Path(given.checkpoint), given.where, given.dtype)


def make_decoder(
    model: Model, n: int, kernels: str, *, graphs: bool, tuning: Tuning | None = None, **more
) -> Decoder:
    switches = Switches(graphs=graphs, kernels=kernels, tuning=tuning, **more)
    return GraphDecoder(model, Plan(n, LENGTH, 0, ""), switches=switches)


def seat(decoder: Decoder, n: int) -> int:
    """Seat n rows of one voice; -> their length."""
    model = decoder.model
    codes = torch.randint(
        0, 64, (model.num_codebooks, PROMPT_FRAMES), generator=torch.Generator().manual_seed(0)
    )
    prefix = decoder.read_prefix(prefix_tokens(model.tokenizer, "What the clip says.", codes))
    suffix = suffix_tokens(model.tokenizer, TEXT[:40], model.num_codebooks)
    decoder.begin(range(n), [Prompt(prefix, suffix, seed, Sampling()) for seed in range(n)])
    return prefix.shape[2 + 1] + suffix.shape[1]


def frame(decoder: Decoder, n: int) -> None:
    """What the engine does a frame."""
    decoder.draw(n)
    decoder.glance(n)
    decoder.advance(n)


def measure(given: Setting, decoder: Decoder, n: int, count: int = MEASURED) -> dict:
    """Frames a second over all rows, wall time from a device at rest to a device at rest."""
    seat(decoder, n)
    rest(given)
    begin = time.perf_counter()
    start = seat(decoder, n)
    rest(given)
    seat_s = time.perf_counter() - begin
    count = count if given.is_cuda else 6
    for _ in range(WARM):
        frame(decoder, n)
    rest(given)
    begin = time.perf_counter()
    for _ in range(count):
        frame(decoder, n)
    queued_s = time.perf_counter() - begin
    rest(given)
    frame_s = (time.perf_counter() - begin) / count
    used = start + WARM + count // 2
    return {
        "rows": n, "frame_ms": frame_s * 1e3, "frames_s": n / frame_s,
        "x_real_time": n / frame_s / FRAME_RATE, "host_ms": queued_s / count * 1e3,
        "seat_ms": seat_s * 1e3, "tokens_a_row": used, "notes": list(decoder.notes),
    }  # fmt: skip


def rest(given: Setting) -> None:
    if given.is_cuda:
        torch.cuda.synchronize()


def share(given: Setting, found: dict, copy_gb_s: float) -> dict:
    """What of the machine's measured copy bandwidth a frame's least bytes use, at S1-mini's shape."""
    read, _ = frame_cost(found["rows"], found["tokens_a_row"], given.precision)
    limit_ms = read / copy_gb_s / 1e6
    return found | {"limit_ms": limit_ms, "share": limit_ms / found["frame_ms"], "gb_a_frame": read / 1e9}


def decode(given: Setting) -> dict:
    """Ours at every number of rows: with the best kernels recorded; the other ways at one number."""
    copy_gb_s, model, lines, deadline = (
        machine(given)["copy_gb_s"],
        load(given),
        [],
        time.monotonic() + given.limit_s - 15,
    )
    ways = [(n, given.kernels[0], True) for n in sorted(given.rows, key=lambda n: (n != given.widest, n))]
    ways[1:1] = [(given.widest, kernels, graphs) for kernels in given.kernels for graphs in (True, False)][1:]
    for n, kernels, graphs in ways:
        if time.monotonic() > deadline:
            break
        lines.append(measure_way(given, model, n, kernels, graphs=graphs, copy_gb_s=copy_gb_s))
        print(json.dumps({"lines": lines, "copy_gb_s": copy_gb_s}), flush=True)
    return {"lines": lines, "copy_gb_s": copy_gb_s, "table": decode_table(lines)}


def measure_way(
    given: Setting, model: Model, n: int, kernels: str, *, graphs: bool, copy_gb_s: float
) -> dict:
    name = {"kernels": kernels, "graphs": graphs, "rows": n}
    if given.is_cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        decoder = make_decoder(model, n, kernels, graphs=graphs)
        found = share(given, measure(given, decoder, n), copy_gb_s)
    except Exception as error:
        return name | {"fault": f"{type(error).__name__}: {error}"[:300]}
    peak_gb = torch.cuda.max_memory_allocated() / 2**30 if given.is_cuda else 0.0
    return name | found | {"peak_gb": peak_gb}


def decode_table(lines: list[dict]) -> list[str]:
    table = [
        "rows kernels  graphs  frame ms  host ms  seat ms  frames/s   x real time  limit ms  share  peak GB"
    ]
    for line in lines:
        head = f"{line['rows']:4d} {line['kernels']:8s} {'yes' if line['graphs'] else 'no':6s} "
        if "fault" in line:
            table.append(head + line["fault"])
            continue
        table.append(
            f"{head}{line['frame_ms']:9.3f} {line['host_ms']:8.3f} {line['seat_ms']:8.1f} "
            f"{line['frames_s']:9.0f} "
            f"{line['x_real_time']:12.1f} {line['limit_ms']:9.3f} {line['share']:6.1%} {line['peak_gb']:7.2f}"
            + "  ".join(["", *line["notes"]])
        )
    return table


# ---- right, and where the time goes --------------------------------------------------------------------


def check(given: Setting) -> dict:
    """In float32, recorded frames of every kind of kernels against the plain path, token for token."""
    model, n = load_model(Path(given.checkpoint), given.where, torch.float32), 8
    frames = {}
    for kernels, graphs in [
        ("plain", False),
        ("plain", True),
        *((k, True) for k in given.kernels if k != "plain"),
    ]:
        decoder = make_decoder(model, n, kernels, graphs=graphs)
        seat(decoder, n)
        drawn = []
        for _ in range(24):
            decoder.draw(n)
            drawn.append(decoder.rows.frame[:n].clone())
            decoder.advance(n)
        frames[kernels, graphs] = torch.stack(drawn, 2)
        del decoder
    right = frames.pop(("plain", False))
    table = []
    for (kernels, _), drawn in frames.items():
        same = (
            (drawn == right).all(1).long().cumprod(1).sum(1)
        )  # frames of each row before the first that differs
        table.append(f"{kernels}, recorded: {same.tolist()} of {right.shape[2]} frames equal, row by row")
    return {"table": table, "lines": table}


def profile(given: Setting) -> dict:
    """Where a frame's time goes on the device, and how many kernels it is."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    model, n, count = load(given), given.widest, 4
    decoder = make_decoder(model, n, given.kernels[0], graphs=given.is_cuda)
    seat(decoder, n)
    for _ in range(WARM):
        frame(decoder, n)
    rest(given)
    activities = [ProfilerActivity.CUDA] if given.is_cuda else [ProfilerActivity.CPU]
    with profiler(activities=activities) as seen:
        for _ in range(count):
            frame(decoder, n)
        rest(given)
    parts: dict[str, list[float]] = defaultdict(lambda: [0.0, 0])
    for event in seen.key_averages():
        spent = event.self_device_time_total if given.is_cuda else event.self_cpu_time_total
        parts[event.key[:70]][0] += spent / count
        parts[event.key[:70]][1] += event.count / count
    ranked = sorted(parts.items(), key=lambda item: -item[1][0])
    total, kernels = sum(t for t, _ in parts.values()), sum(c for _, c in parts.values())
    table = [f"{t:9.1f} us {c:7.1f} x  {name}" for name, (t, c) in ranked[:25]]
    return {
        "rows": n,
        "device_us_a_frame": total,
        "kernels_a_frame": kernels,
        "table": table,
        "lines": ranked[:60],
    }


def attention(given: Setting) -> dict:
    """The frame at one number of rows, for every way to attend and every cut of Triton's kernel."""
    from fishd.engines.fish.graphs_attention import attend_as_groups, attend_by_products

    model, n = load(given), given.widest
    ways = {"torch, grouped heads as query length": ("torch", {})}
    ways["torch, groups in the fused kernel"] = ("torch", {"attend_one": attend_as_groups})
    ways["torch, two products"] = ("torch", {"attend_one": attend_by_products})
    if given.is_cuda:
        for block, warps, stages in [
            (32, 4, 3),
            (32, 4, 2),
            (64, 4, 2),
            (64, 8, 2),
            (64, 8, 3),
            (128, 8, 2),
            (16, 2, 3),
        ]:
            for draw_warps in (4, 8, 16) if (block, stages) == (32, 3) else (8,):
                tuning = Tuning(block, warps, stages, draw_warps)
                ways[f"triton, {tuning}"] = ("triton", {"tuning": tuning})
    lines = []
    for name, (kernels, more) in ways.items():
        try:
            decoder = make_decoder(model, n, kernels, graphs=given.is_cuda, **more)
            lines.append({"name": name, **measure(given, decoder, n)})
        except Exception as error:
            lines.append(
                {"name": name, "frame_ms": math.nan, "fault": f"{type(error).__name__}: {error}"[:200]}
            )
    table = [f"{line['frame_ms']:9.3f} ms  {line['name']}  {line.get('fault', '')}" for line in lines]
    return {"rows": n, "lines": lines, "table": table}


def compiled(given: Setting) -> dict:
    """torch.compile over the torch ops' frame, recorded as the others are."""
    model, n, lines = load(given), given.widest, []
    backend = "inductor" if given.is_cuda else "aot_eager"
    for name in ("torch", "torch, compiled"):
        decoder = make_decoder(model, n, "torch", graphs=given.is_cuda)
        begin = time.perf_counter()
        if "compiled" in name:
            torch._inductor.config.triton.cudagraphs = False
            decoder._fast.draw = torch.compile(decoder._fast.draw, backend=backend, dynamic=False)
            decoder._slow.step = torch.compile(decoder._slow.step, backend=backend, dynamic=False)
        lines.append({"name": name, **measure(given, decoder, n), "whole_s": time.perf_counter() - begin})
    table = [
        f"{line['frame_ms']:9.3f} ms  {line['name']} ({line['whole_s']:.0f} s with compiling)"
        for line in lines
    ]
    return {"rows": n, "lines": lines, "table": table}


if __name__ == "__main__":
    main()
