"""How fast the fish engine is on a GPU, beside fish_speech's own loop, in one run. See bench/fish_gpu.md.

    python -m bench.fish_gpu --all                           every section that fits --budget-s python -m
    bench.fish_gpu --only machine,decode,episode   some sections python -m bench.fish_gpu --all --device cpu
    --tiny       the same on a CPU: it tests the bench, it measures nothing

Every section is a process of its own with a time limit: one that fails or hangs does not affect the others.
Results are printed, and written after each section to fish_gpu.json in --out (or $OUT, or the current
folder).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMITS_S = {  # in the order in which they run, the most important first
    "machine": 60,
    "check": 90,
    "decode": 150,
    "episode": 120,
    "profile": 60,
    "package": 300,
    "workers": 200,
    "tuning": 90,
    "compile": 240,
}


def main() -> None:
    given = arguments()
    sections = list(LIMITS_S) if given.all else given.only.split(",")
    if unknown := set(sections) - set(LIMITS_S):
        raise SystemExit(f"unknown section {', '.join(sorted(unknown))}; there are {', '.join(LIMITS_S)}")
    with tempfile.TemporaryDirectory(prefix="fish-gpu-") as temp:
        deadline = time.monotonic() + given.budget_s
        folder = given.checkpoint or make_checkpoint(Path(temp), tiny=given.tiny)
        results: dict[str, dict] = {}
        for name in sections:
            limit_s = min(LIMITS_S[name], deadline - time.monotonic())
            results[name] = run_section(name, folder, given, limit_s)
            report(name, results[name])
            (given.out / "fish_gpu.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    if any("fault" in result for result in results.values()):
        raise SystemExit(1)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", default="machine,check,decode,episode,profile")
    parser.add_argument("--device", default="cuda")
    parser.add_argument(
        "--tiny", action="store_true", help="a tiny model: to test this bench, not to measure"
    )
    parser.add_argument("--rows", default="1,8,16,32,64,96,128")
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument(
        "--checkpoint", type=Path, help="a folder; otherwise random weights of S1-mini's shape are made"
    )
    parser.add_argument("--budget-s", type=float, default=540.0)
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", ".")))
    return parser.parse_args()


def make_checkpoint(folder: Path, *, tiny: bool) -> Path:
    """Random weights, made in a process of its own, which returns its memory."""
    begin = time.monotonic()
    kind = "tiny" if tiny else "s1mini"
    subprocess.run(
        [sys.executable, "-m", "tests.engines.fish_checkpoint", str(folder), kind], check=True, cwd=ROOT
    )
    print(f"made a {kind} checkpoint in {time.monotonic() - begin:.0f} s", flush=True)
    return folder


def run_section(name: str, folder: Path, given: argparse.Namespace, limit_s: float) -> dict:
    """A section's results, with "fault" if it did not finish."""
    if limit_s < 5:
        return {"fault": "no time was left; run it with --only"}
    setting = {
        "section": name, "checkpoint": str(folder), "device": given.device, "tiny": given.tiny,
        "rows": [int(n) for n in given.rows.split(",")], "precision": given.precision, "limit_s": limit_s,
    }  # fmt: skip
    command = [sys.executable, "-m", "bench.fish_gpu_sections", json.dumps(setting)]
    print(f"{name}: up to {limit_s:.0f} s …", file=sys.stderr, flush=True)
    begin = time.monotonic()
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    fault = ""
    try:
        out, _ = child.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        fault = f"timed out after {limit_s:.0f} s"
        kill_group(child)
        out, _ = child.communicate()
    finally:
        kill_group(child)
    if child.returncode and not fault:
        fault = f"exited with {child.returncode}; see above"
    # A section prints its results so far repeatedly: the last complete line counts.
    lines = [line for line in out.splitlines() if line.startswith("{") and line.endswith("}")]
    result = json.loads(lines[-1]) if lines else {}
    return result | ({"fault": fault} if fault else {}) | {"section_s": round(time.monotonic() - begin, 1)}


def kill_group(child: subprocess.Popen) -> None:
    """Kill the section's process and its children."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def report(name: str, result: dict) -> None:
    print(f"== {name} ({result.pop('section_s', 0)} s)")
    for line in result.pop("table", result.get("lines", [])):
        print(f"   {line}")
    for key, value in result.items():
        if not isinstance(value, list | dict):
            print(f"   {key}: {value}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
