"""Several processes on one GPU: fish_speech's loop N times, and our workers, one or N, without and with MPS.

Every process loads and warms up, prints "ready", waits for "go", works for a fixed time and prints what it
did, so that all are measured over the same seconds. N is the sizing heuristic's for this GPU and 8 GB a
worker.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager

import torch

from bench.fish_decode import FRAME_RATE

BUDGET_GB, USABLE = 8.0, 0.9
SPAN_S = 12.0


def heuristic_workers(setting) -> int:
    """Workers on this GPU by fishd's sizing: docs/hardware.md."""
    if not setting.is_cuda:
        return 2
    total_gb = torch.cuda.get_device_properties(setting.torch_device).total_memory / 2**30
    whole = round(total_gb)
    total_gb = whole if 0 <= whole - total_gb <= 0.01 * whole else total_gb
    return max(1, math.floor(total_gb * USABLE / BUDGET_GB))


# ---- sections ------------------------------------------------------------------------------------------


def package(setting) -> dict:
    """The predecessor's scheme: N processes, each with fish_speech's compiled single-stream loop."""
    lines, deadline = [], time.monotonic() + setting.limit_s - 10
    for count, is_compiled in [(1, False), (1, True), (heuristic_workers(setting), True)]:
        children = [{"kind": "package", "compiled": is_compiled}] * count
        name = f"the package{', compiled' if is_compiled else ''}, {count} process{'es' if count > 1 else ''}"
        lines.append(measure_together(setting, name, children, deadline))
        print(json.dumps({"lines": lines}), flush=True)
    return {"lines": lines, "table": table(lines)}


def workers(setting) -> dict:
    """One worker with the whole GPU's budget against the heuristic's N, all batching."""
    n, deadline, lines = heuristic_workers(setting), time.monotonic() + setting.limit_s - 10, []
    for rows in (64, 128, 256) if setting.is_cuda else (2,):
        name = f"one worker of {n * BUDGET_GB:.0f} GB, {rows} rows"
        lines.append(measure_together(setting, name, [{"kind": "ours", "rows": rows}], deadline))
    each = rows_of_worker(setting)
    for with_mps in (False, True):
        name = f"{n} workers of {BUDGET_GB:.0f} GB, {each} rows each, {'with' if with_mps else 'without'} MPS"
        with mps(setting, wanted=with_mps) as (environment, fault):
            children = [{"kind": "ours", "rows": each}] * n
            lines.append(
                {"name": name, "fault": fault}
                if fault
                else measure_together(setting, name, children, deadline, environment)
            )
        print(json.dumps({"lines": lines}), flush=True)
    return {"workers": n, "lines": lines, "table": table(lines)}


def rows_of_worker(setting) -> int:
    """The slots of a worker of BUDGET_GB with S1-mini's weights and 512 tokens a row."""
    if not setting.is_cuda:
        return 2
    left_gb = BUDGET_GB * 0.9 - 1.73 - 1.87 - 0.7
    return min(64, int(left_gb * 0.9 * 2**30 / (114_688 * 512)))


def table(lines: list[dict]) -> list[str]:
    return [
        f"{line['frames_s']:9.0f} frames/s  {line['frames_s'] / FRAME_RATE:8.1f}x  {line['name']}"
        if "frames_s" in line
        else f"{line['name']}: {line['fault']}"
        for line in lines
    ]


# ---- processes -----------------------------------------------------------------------------------------


def measure_together(
    setting, name: str, children: list[dict], deadline: float, environment: dict[str, str] | None = None
) -> dict:
    """Start all processes, let them work at the same time, and add up; {"fault": …} if any of them failed."""
    threads = str(max(1, (os.cpu_count() or 1) // len(children)))
    child_environment = {**os.environ, "OMP_NUM_THREADS": threads, **(environment or {})}
    shared = {
        "checkpoint": setting.checkpoint,
        "device": setting.device,
        "tiny": setting.tiny,
        "precision": setting.precision,
        "span_s": SPAN_S if setting.is_cuda else 1.0,
    }
    begin, processes = time.monotonic(), []
    try:
        for child in children:
            command = [sys.executable, "-m", "bench.fish_gpu_child", json.dumps({**shared, **child})]
            processes.append(
                subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_environment, text=True
                )
            )
        for process in processes:
            await_line(process, "ready", deadline)
        ready_s = time.monotonic() - begin
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        results = [json.loads(await_line(process, "{", deadline)) for process in processes]
    except (TimeoutError, OSError, ValueError) as error:
        return {"name": name, "fault": str(error)}
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return {
        "name": name,
        "frames_s": sum(result["frames"] / result["span_s"] for result in results),
        "ready_s": ready_s,
        "peak_gb": sum(result["peak_gb"] for result in results),
        "children": results,
    }


def await_line(process: subprocess.Popen, start: str, deadline: float) -> str:
    """The next line with this start. Raises TimeoutError, or OSError if the process exits first."""
    import threading

    # Killing a silent process at the deadline also ends the reading of its lines.
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), process.kill)
    timer.start()
    try:
        for line in process.stdout:
            if line.startswith(start):
                return line
    finally:
        timer.cancel()
    if time.monotonic() >= deadline:
        raise TimeoutError(f"no {start!r} within the time limit")
    raise OSError(f"a process exited with {process.wait()} before it printed {start!r}")


@contextmanager
def mps(setting, *, wanted: bool):
    """An MPS control daemon of our own: its clients' environment, and a fault if it does not start.

    It is stopped afterwards. The GPU's settings are not changed.
    """
    control = shutil.which("nvidia-cuda-mps-control")
    if not wanted:
        yield {}, ""
        return
    if not setting.is_cuda or control is None:
        yield {}, "nvidia-cuda-mps-control is not on this machine"
        return
    with tempfile.TemporaryDirectory(prefix="mps-") as folder:
        own = {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        environment = {**os.environ, **own}
        started = subprocess.run(
            [control, "-d"], env=environment, capture_output=True, text=True, check=False, timeout=20
        )
        try:
            yield own, started.stderr.strip()[:200] if started.returncode else ""
        finally:
            subprocess.run([control], input="quit\n", env=environment, text=True, check=False, timeout=20)
