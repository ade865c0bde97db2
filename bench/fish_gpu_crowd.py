"""Several processes on one card: the package's loop N times, and our workers one or N, without and with MPS.

Every process loads and warms up, says "ready", waits for "go", works for a while, and prints what it did; so
that all are measured over the same seconds. N is the heuristic's, for this card and 8 GB a worker.
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


def heuristic(given) -> int:
    """Workers on this card, by the contract's section 5."""
    if not given.is_cuda:
        return 2
    total_gb = torch.cuda.get_device_properties(given.where).total_memory / 2**30
    whole = round(total_gb)
    total_gb = whole if 0 <= whole - total_gb <= 0.01 * whole else total_gb
    return max(1, math.floor(total_gb * USABLE / BUDGET_GB))


# ---- the sections --------------------------------------------------------------------------------------


def package(given) -> dict:
    """The predecessor's scheme: N processes, each the package's compiled single-stream loop."""
    lines, deadline = [], time.monotonic() + given.limit_s - 10
    for count, is_compiled in [(1, False), (1, True), (heuristic(given), True)]:
        members = [{"kind": "package", "compiled": is_compiled}] * count
        name = f"the package{', compiled' if is_compiled else ''}, {count} process{'es' if count > 1 else ''}"
        lines.append(crowd(given, name, members, deadline))
        print(json.dumps({"lines": lines}), flush=True)
    return {"lines": lines, "table": table(lines)}


def workers(given) -> dict:
    """One worker with the whole card's budget against the heuristic's N, all batching."""
    n, deadline, lines = heuristic(given), time.monotonic() + given.limit_s - 10, []
    for rows in (64, 128, 256) if given.is_cuda else (2,):
        name = f"one worker of {n * BUDGET_GB:.0f} GB, {rows} rows"
        lines.append(crowd(given, name, [{"kind": "ours", "rows": rows}], deadline))
    each = rows_of(given)
    for with_mps in (False, True):
        name = f"{n} workers of {BUDGET_GB:.0f} GB, {each} rows each, {'with' if with_mps else 'without'} MPS"
        with mps(given, wanted=with_mps) as (environment, fault):
            members = [{"kind": "ours", "rows": each}] * n
            lines.append(
                {"name": name, "fault": fault}
                if fault
                else crowd(given, name, members, deadline, environment)
            )
        print(json.dumps({"lines": lines}), flush=True)
    return {"workers": n, "lines": lines, "table": table(lines)}


def rows_of(given) -> int:
    """The slots of one worker of BUDGET_GB, at S1-mini's weights and 512 tokens a row as `ours` has them."""
    if not given.is_cuda:
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


# ---- the crowd -----------------------------------------------------------------------------------------


def crowd(
    given, name: str, members: list[dict], deadline: float, environment: dict[str, str] | None = None
) -> dict:
    """Start all, let them go together, add up; {"fault": …} if any did not come through."""
    threads = str(max(1, (os.cpu_count() or 1) // len(members)))
    surroundings = {**os.environ, "OMP_NUM_THREADS": threads, **(environment or {})}
    shared = {
        "checkpoint": given.checkpoint,
        "device": given.device,
        "tiny": given.tiny,
        "precision": given.precision,
    }
    shared["span_s"] = SPAN_S if given.is_cuda else 1.0
    begin, children = time.monotonic(), []
    try:
        for member in members:
            command = [sys.executable, "-m", "bench.fish_gpu_member", json.dumps({**shared, **member})]
            children.append(
                subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=surroundings, text=True
                )
            )
        for child in children:
            await_word(child, "ready", deadline)
        ready_s = time.monotonic() - begin
        for child in children:
            child.stdin.write("go\n")
            child.stdin.flush()
        found = [json.loads(await_word(child, "{", deadline)) for child in children]
    except (TimeoutError, OSError, ValueError) as error:
        return {"name": name, "fault": str(error)}
    finally:
        for child in children:
            child.kill()
            child.wait()
    rate = sum(f["frames"] / f["span_s"] for f in found)
    return {
        "name": name,
        "frames_s": rate,
        "ready_s": ready_s,
        "peak_gb": sum(f["peak_gb"] for f in found),
        "members": found,
    }


def await_word(child: subprocess.Popen, word: str, deadline: float) -> str:
    """The next line that begins so. Raises TimeoutError, or OSError if the process ends first."""
    import threading

    # A silent process is ended at the deadline, which also ends the reading of its lines.
    guard = threading.Timer(max(0.0, deadline - time.monotonic()), child.kill)
    guard.start()
    try:
        for line in child.stdout:
            if line.startswith(word):
                return line
    finally:
        guard.cancel()
    if time.monotonic() >= deadline:
        raise TimeoutError(f"no {word!r} within the time")
    raise OSError(f"a process ended with {child.wait()} before it said {word!r}")


@contextmanager
def mps(given, *, wanted: bool):
    """A control daemon of our own, and the environment of its clients; it is ended afterwards. The card's
    settings stay as they are."""
    control = shutil.which("nvidia-cuda-mps-control")
    if not wanted:
        yield {}, ""
        return
    if not given.is_cuda or control is None:
        yield {}, "nvidia-cuda-mps-control is not on this machine"
        return
    with tempfile.TemporaryDirectory(prefix="mps-") as folder:
        own = {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        environment = {**os.environ, **own}
        begun = subprocess.run(
            [control, "-d"], env=environment, capture_output=True, text=True, check=False, timeout=20
        )
        try:
            yield own, begun.stderr.strip()[:200] if begun.returncode else ""
        finally:
            subprocess.run([control], input="quit\n", env=environment, text=True, check=False, timeout=20)
