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
from bench.fish_gpu_ours import WARM, Setting, frame, load, make_decoder, measure, prefill, synchronise, timed
from fishd.engines.fish.cuda.triton_ops import Tuning
from fishd.engines.fish.model.architecture import Model
from fishd.engines.fish.model.weights import load_model

CUTS = ((32, 4, 3), (32, 4, 2), (64, 4, 2), (64, 8, 2), (64, 8, 3), (128, 8, 2), (16, 2, 3))
TUNINGS = (*(Tuning(*cut) for cut in CUTS), Tuning(sample_warps=4), Tuning(sample_warps=16))


def main() -> None:
    given = Setting(**json.loads(sys.argv[1]))
    from bench import fish_gpu_crowd, fish_gpu_episode

    sections = {
        "machine": machine, "check": check, "decode": decode, "profile": profile, "tuning": tuning,
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


# ---- our decoder ---------------------------------------------------------------------------------------


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
        prefill(decoder, n)
        drawn = []
        for _ in range(24):
            decoder.sample_frame(n)
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
    prefill(decoder, n)
    for _ in range(WARM):
        frame(decoder, n)
    synchronise(given)
    activities = [ProfilerActivity.CUDA] if given.is_cuda else [ProfilerActivity.CPU]
    with profiler(activities=activities) as seen:
        for _ in range(count):
            frame(decoder, n)
        synchronise(given)
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


def tuning(given: Setting) -> dict:
    """The frame at one number of rows, for every cut of Triton's kernels."""
    model, n, lines = load(given), given.widest, []
    for cut in TUNINGS if given.is_cuda else ():
        try:
            decoder = make_decoder(model, n, "triton", graphs=True, tuning=cut)
            lines.append({"name": str(cut), **measure(given, decoder, n)})
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"[:200]
            lines.append({"name": str(cut), "frame_ms": math.nan, "fault": fault})
    table = [f"{line['frame_ms']:9.3f} ms  {line['name']}  {line.get('fault', '')}" for line in lines]
    return {"rows": n, "lines": lines, "table": table}


def compiled(given: Setting) -> dict:
    """torch.compile over the plain path's frame, recorded as the others are."""
    model, n, lines = load(given), given.widest, []
    backend = "inductor" if given.is_cuda else "aot_eager"
    for name in ("plain", "plain, compiled"):
        decoder = make_decoder(model, n, "plain", graphs=given.is_cuda)
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
