"""The sections of fish_gpu.py that measure one process: all but episode, package and workers."""

from __future__ import annotations

import json
import math
import sys
import time
from collections import defaultdict
from pathlib import Path

import torch

from bench.fish_decode import frame_cost
from bench.fish_gpu_decoder import (
    WARM_FRAMES,
    Setting,
    decode_frame,
    load,
    make_decoder,
    measure,
    prefill,
    synchronise,
    timed,
)
from fishd.engines.fish.cuda.triton_ops import Tuning
from fishd.engines.fish.model.architecture import Model
from fishd.engines.fish.model.weights import load_model

ATTENTION_TUNINGS = ((32, 4, 3), (32, 4, 2), (64, 4, 2), (64, 8, 2), (64, 8, 3), (128, 8, 2), (16, 2, 3))
TUNINGS = (
    *(Tuning(*tuning) for tuning in ATTENTION_TUNINGS),
    Tuning(sample_warps=4),
    Tuning(sample_warps=16),
)


def main() -> None:
    setting = Setting(**json.loads(sys.argv[1]))
    from bench import fish_gpu_episode, fish_gpu_processes

    sections = {
        "machine": machine, "check": check, "decode": decode, "profile": profile, "tuning": tuning,
        "compile": compiled, "episode": fish_gpu_episode.episode, "package": fish_gpu_processes.package,
        "workers": fish_gpu_processes.workers,
    }  # fmt: skip
    print(json.dumps(sections[setting.section](setting)), flush=True)


# ---- machine -------------------------------------------------------------------------------------------


def machine(setting: Setting) -> dict:
    """The device, its copy bandwidth (bytes read and written) and its matrix rate on random numbers."""
    size, side = (4 << 30, 8192) if setting.is_cuda else (64 << 20, 512)
    device = setting.torch_device
    source = torch.randint(0, 255, (size,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    a, b = (torch.randn(side, side, device=device).to(setting.dtype) for _ in range(2))
    copy_s = timed(setting, lambda: target.copy_(source), 20)
    product_s = timed(setting, lambda: a @ b, 20)
    name = torch.cuda.get_device_name(device) if setting.is_cuda else "CPU"
    return {
        "device": name, "torch": torch.__version__, "cuda": torch.version.cuda,
        "copy_gb_s": 2 * size / copy_s / 1e9, "matrix_tflop_s": 2 * side**3 / product_s / 1e12,
    }  # fmt: skip


# ---- decode --------------------------------------------------------------------------------------------


def decode(setting: Setting) -> dict:
    """Every number of rows with the expected best kernels and graphs; every other way at the main number."""
    copy_gb_s, model, lines = machine(setting)["copy_gb_s"], load(setting), []
    deadline = time.monotonic() + setting.limit_s - 15
    main_rows = setting.main_rows
    by_rows = sorted(setting.rows, key=lambda n: (n != main_rows, n))
    ways = [(n, setting.kernels[0], True) for n in by_rows]
    others = [(main_rows, kernels, graphs) for kernels in setting.kernels for graphs in (True, False)]
    ways[1:1] = others[1:]
    for n, kernels, graphs in ways:
        if time.monotonic() > deadline:
            break
        lines.append(measure_way(setting, model, n, kernels, graphs=graphs, copy_gb_s=copy_gb_s))
        print(json.dumps({"lines": lines, "copy_gb_s": copy_gb_s}), flush=True)
    return {"lines": lines, "copy_gb_s": copy_gb_s, "table": decode_table(lines)}


def measure_way(
    setting: Setting, model: Model, n: int, kernels: str, *, graphs: bool, copy_gb_s: float
) -> dict:
    way = {"kernels": kernels, "graphs": graphs, "rows": n}
    if setting.is_cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        decoder = make_decoder(model, n, kernels, graphs=graphs)
        result = with_limit(setting, measure(setting, decoder, n), copy_gb_s)
    except Exception as error:
        return way | {"fault": f"{type(error).__name__}: {error}"[:300]}
    peak_gb = torch.cuda.max_memory_allocated() / 2**30 if setting.is_cuda else 0.0
    return way | result | {"peak_gb": peak_gb}


def with_limit(setting: Setting, result: dict, copy_gb_s: float) -> dict:
    """A result with the time that the bytes of a frame of S1-mini take at the measured copy bandwidth."""
    read, _ = frame_cost(result["rows"], result["tokens_a_row"], setting.precision)
    limit_ms = read / copy_gb_s / 1e6
    return result | {
        "limit_ms": limit_ms,
        "share": limit_ms / result["frame_ms"],
        "gb_a_frame": read / 1e9,
    }


def decode_table(lines: list[dict]) -> list[str]:
    table = [
        "rows kernels  graphs  frame ms  host ms  prefill ms  frames/s  x real time  limit ms  share  peak GB"
    ]
    for line in lines:
        head = f"{line['rows']:4d} {line['kernels']:8s} {'yes' if line['graphs'] else 'no':6s} "
        if "fault" in line:
            table.append(head + line["fault"])
            continue
        table.append(
            f"{head}{line['frame_ms']:9.3f} {line['host_ms']:8.3f} {line['prefill_ms']:11.1f} "
            f"{line['frames_s']:9.0f} "
            f"{line['x_real_time']:12.1f} {line['limit_ms']:9.3f} {line['share']:6.1%} {line['peak_gb']:7.2f}"
            + "  ".join(["", *line["notes"]])
        )
    return table


# ---- check and profile ---------------------------------------------------------------------------------


def check(setting: Setting) -> dict:
    """In float32, captured frames of every kind of kernels against the plain path, token for token."""
    model, n = load_model(Path(setting.checkpoint), setting.torch_device, torch.float32), 8
    frames = {}
    ways = [("plain", False), ("plain", True), *((k, True) for k in setting.kernels if k != "plain")]
    for kernels, graphs in ways:
        decoder = make_decoder(model, n, kernels, graphs=graphs)
        prefill(decoder, n)
        sampled = []
        for _ in range(24):
            decoder.sample_frame(n)
            sampled.append(decoder.rows.frame[:n].clone())
            decoder.advance(n)
        frames[kernels, graphs] = torch.stack(sampled, 2)
        del decoder
    expected = frames.pop(("plain", False))
    table = []
    for (kernels, _), actual in frames.items():
        num_equal = (actual == expected).all(1).long().cumprod(1).sum(1)  # before a row's first difference
        table.append(
            f"{kernels}, captured: {num_equal.tolist()} of {expected.shape[2]} frames equal, row by row"
        )
    return {"table": table, "lines": table}


def profile(setting: Setting) -> dict:
    """A frame's device time by kernel, and its number of kernels."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    model, n, count = load(setting), setting.main_rows, 4
    decoder = make_decoder(model, n, setting.kernels[0], graphs=setting.is_cuda)
    prefill(decoder, n)
    for _ in range(WARM_FRAMES):
        decode_frame(decoder, n)
    synchronise(setting)
    activities = [ProfilerActivity.CUDA] if setting.is_cuda else [ProfilerActivity.CPU]
    with profiler(activities=activities) as profiled:
        for _ in range(count):
            decode_frame(decoder, n)
        synchronise(setting)
    parts: dict[str, list[float]] = defaultdict(lambda: [0.0, 0])
    for event in profiled.key_averages():
        spent = event.self_device_time_total if setting.is_cuda else event.self_cpu_time_total
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


# ---- tuning and compile --------------------------------------------------------------------------------


def tuning(setting: Setting) -> dict:
    """The frame time at the main number of rows for other launch parameters of the Triton kernels."""
    model, n, lines = load(setting), setting.main_rows, []
    for launch in TUNINGS if setting.is_cuda else ():
        try:
            decoder = make_decoder(model, n, "triton", graphs=True, tuning=launch)
            lines.append({"name": str(launch), **measure(setting, decoder, n)})
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"[:200]
            lines.append({"name": str(launch), "frame_ms": math.nan, "fault": fault})
    table = [f"{line['frame_ms']:9.3f} ms  {line['name']}  {line.get('fault', '')}" for line in lines]
    return {"rows": n, "lines": lines, "table": table}


def compiled(setting: Setting) -> dict:
    """torch.compile over the plain path's frame, captured like the others."""
    model, n, lines = load(setting), setting.main_rows, []
    backend = "inductor" if setting.is_cuda else "aot_eager"
    for name in ("plain", "plain, compiled"):
        decoder = make_decoder(model, n, "plain", graphs=setting.is_cuda)
        begin = time.perf_counter()
        if "compiled" in name:
            torch._inductor.config.triton.cudagraphs = False
            fast, slow = decoder._fast, decoder._slow
            fast.sample_frame = torch.compile(fast.sample_frame, backend=backend, dynamic=False)
            slow.step = torch.compile(slow.step, backend=backend, dynamic=False)
        lines.append({"name": name, **measure(setting, decoder, n), "whole_s": time.perf_counter() - begin})
    table = [
        f"{line['frame_ms']:9.3f} ms  {line['name']} ({line['whole_s']:.0f} s with compiling)"
        for line in lines
    ]
    return {"rows": n, "lines": lines, "table": table}


if __name__ == "__main__":
    main()
