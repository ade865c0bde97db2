"""How fast the fish engine's decoder is, beside fish_speech's own loop, in one run on one machine.

    OMP_NUM_THREADS=2 python -m bench.fish_decode [--checkpoint DIR] [--rows 1,4,8,16,32] [--markdown FILE]

The weights are random, of S1-mini's shape (speed does not depend on their values). Every line is measured
in a process of its own, one after another, so that peak memory is its own. Frames count over all rows;
21.53 frames are a second of speech. "Limit" is the least time in which this machine could read what a frame
must read (weights, keys and values) and compute its products, by the copy bandwidth and matrix rate of this
run. A line's frame time is the fastest of those measured, since other load can only slow it down, with the
median beside it; where the two differ much, the machine was busy.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

FRAME_RATE = 44_100 / 2048
PROMPT_FRAMES, TEXT = 120, "A line of ordinary length, spoken."
WARM_FRAMES, MEASURED_FRAMES = 4, 32
SHIPPED_CACHE, SHORT_CACHE = 8192, 512
REST = "norms, rope, copies, the rest"
GROUPS = {
    "matrix products": (
        "mkldnn::_linear_pointwise",
        "aten::addmm",
        "aten::mm",
        "aten::linear",
        "mkldnn_linear",
    ),
    "attention": ("scaled_dot_product", "aten::bmm", "aten::matmul"),
    "sampling (sort, hash, softmax)": (
        "bitwise",
        "shift",
        "softmax",
        "cumsum",
        "log",
        "argmax",
        "scatter",
        "gather",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--rows", default="1,4,8,16,32")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--one", help="measure one line (used internally)")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure_one(given.one, given.checkpoint, given.precision)))
        return
    with tempfile.TemporaryDirectory() as temp:
        folder = given.checkpoint or make_checkpoint(Path(temp))
        report = run_all(folder, given.precision, [int(n) for n in given.rows.split(",")])
    print(report)
    if given.markdown:
        given.markdown.write_text(report, encoding="utf-8")


def make_checkpoint(folder: Path) -> Path:
    from tests.engines.fish_checkpoint import make_s1_mini

    return make_s1_mini(folder, codec=False)


def run_all(folder: Path, precision: str, rows: list[int]) -> str:
    """Every line in turn, as a Markdown section."""
    lines = ["machine", f"package:{SHIPPED_CACHE}", f"package:{SHORT_CACHE}", *(f"ours:{n}" for n in rows)]
    lines += [f"profile:{max(n for n in rows if n <= 16)}", "machine"]
    found = []
    for line in lines:
        print(f"measuring {line} …", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "bench.fish_decode", "--one", line, "--checkpoint", str(folder)]
        done = subprocess.run(
            [*command, "--precision", precision], check=True, stdout=subprocess.PIPE, text=True
        )
        found.append(json.loads(done.stdout.splitlines()[-1]))
        print(f"  {found[-1]}", file=sys.stderr, flush=True)
    return render(found, precision)


def render(found: list[dict], precision: str) -> str:
    """The table: frames a second, ratios, memory, share of the limit; then where a frame's time goes."""
    machines = [f for f in found if f["kind"] == "machine"]
    copy, rate = (max(m[key] for m in machines) for key in ("copy_gb_s", "matrix_gflop_s"))
    shipped, short = (f["frames_s"] for f in found if f["kind"] == "package")
    text = [
        (
            f"Threads: {machines[0]['threads']}; torch {machines[0]['torch']}; {precision}. Copy bandwidth "
            f"{copy:.1f} GB/s, matrix rate {rate:.0f} GFLOP/s (the better of before and after)."
        ),
        "",
        "| | frames/s | x real time | vs 512 | vs shipped | peak GB | ms/frame (median) | limit ms | share |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for f in (f for f in found if f["kind"] in {"package", "ours"}):
        limit_ms = 1e3 * max(f["frame_bytes"] / copy / 1e9, f["frame_flop"] / rate / 1e9)
        fps = f["frames_s"]
        cells = [f["name"], f"{fps:.2f}", f"{fps / FRAME_RATE:.2f}", f"{fps / short:.1f}x"]
        cells += [
            f"{fps / shipped:.0f}x",
            f"{f['peak_gb']:.2f}",
            f"{f['frame_ms']:.1f} ({f['median_ms']:.1f})",
        ]
        cells += [f"{limit_ms:.1f}", f"{limit_ms / f['frame_ms']:.0%}"]
        text.append(f"| {' | '.join(cells)} |")
    (profile,) = (f for f in found if f["kind"] == "profile")
    whole = f"{profile['rows']} rows, {profile['frame_ms']:.1f} ms under the profiler"
    text += ["", f"Where a frame's time goes ({whole}):"]
    text += ["", "| part | ms | share |", "|---|---|---|"]
    text += [
        f"| {part} | {ms:.1f} | {ms / profile['frame_ms']:.0%} |" for part, ms in profile["parts"].items()
    ]
    return "\n".join([*text, ""])


def measure_one(line: str, folder: Path, precision: str) -> dict:
    """One line of the table, in this process."""
    kind, _, number = line.partition(":")
    if kind == "machine":
        return measure_machine(precision)
    if kind == "package":
        return measure_package(folder, precision, int(number))
    return measure_ours(folder, precision, int(number), profiled=kind == "profile")


def measure_machine(precision: str) -> dict:
    """Copy bandwidth (bytes read and written) and the rate of a large matrix product."""
    import torch

    source = torch.ones(512 << 20, dtype=torch.uint8)
    target = torch.empty_like(source)
    a = torch.randn(3072, 3072).to(getattr(torch, precision))
    copy_s = min(timed(lambda: target.copy_(source)) for _ in range(8))
    product_s = min(timed(lambda: a @ a) for _ in range(8))
    return {
        "kind": "machine",
        "copy_gb_s": 2 * source.numel() / copy_s / 1e9,
        "matrix_gflop_s": 2 * 3072**3 / product_s / 1e9,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def timed(work) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def measure_package(folder: Path, precision: str, max_seq_len: int) -> dict:
    """fish_speech's `generate`, one stream, at its own defaults, with a cache of so many tokens."""
    import torch

    from fishd.engines.fish.import_stubs import import_upstream
    from tests.engines.fish_upstream import load_upstream, upstream_prompt

    model = load_upstream(folder, getattr(torch, precision), max_seq_len)
    prompt = upstream_prompt(model.tokenizer, "What the clip says.", made_up_codes(), TEXT)
    (inference,) = import_upstream("fish_speech.models.text2semantic.inference")
    inference.tqdm = lambda frames: frames
    spans: list[float] = []

    def one_token(**inputs):
        begin = time.perf_counter()
        sampled = inference.decode_one_token_ar(**inputs)
        spans.append(time.perf_counter() - begin)
        # Random weights may sample a text id, which fish_speech cannot embed.
        sampled[0].clamp_(min=model.tokenizer.semantic_begin_id, max=model.tokenizer.semantic_end_id)
        return sampled

    count = 1 + (3 + 4 if max_seq_len > 1024 else WARM_FRAMES + MEASURED_FRAMES)
    inference.generate(
        model=model, prompt=prompt, max_new_tokens=count, audio_masks=None, audio_parts=None,
        decode_one_token=one_token, temperature=0.8, top_p=0.8, repetition_penalty=1.1,
    )  # fmt: skip
    warm = 3 if max_seq_len > 1024 else WARM_FRAMES
    name = (
        "the package as shipped (8192)" if max_seq_len == SHIPPED_CACHE else f"the package at {max_seq_len}"
    )
    return result("package", name, 1, spans[warm:], frame_cost(1, prompt.shape[1], precision))


def measure_ours(folder: Path, precision: str, n: int, *, profiled: bool) -> dict:
    """Our decoder, n rows of one voice, at the same defaults."""
    import torch

    from fishd.engines.fish.decode.compact import CompactDecoder
    from fishd.engines.fish.decode.decoder import Decoder, Prompt
    from fishd.engines.fish.decode.slot_plan import SlotPlan
    from fishd.engines.fish.model.weights import load_model
    from fishd.engines.fish.options import Sampling
    from fishd.engines.fish.prompt import prefix_tokens, suffix_tokens

    model = load_model(folder, torch.device("cpu"), getattr(torch, precision))
    make = Decoder if precision == "float32" else CompactDecoder  # as the engine chooses
    decoder = make(model, SlotPlan(n, 512, 0, ""))
    prefix = decoder.prefill_prefix(prefix_tokens(model.tokenizer, "What the clip says.", made_up_codes()))
    suffix = suffix_tokens(model.tokenizer, TEXT, model.num_codebooks)
    prompts = [Prompt(prefix, suffix, seed, Sampling()) for seed in range(n)]
    decoder.prefill(range(n), prompts)

    def frame() -> None:
        decoder.sample_frame(n)
        decoder.status(n)
        decoder.advance(n)

    for _ in range(WARM_FRAMES):
        frame()
    if profiled:
        return profile_frames(frame, n)
    spans = [timed(frame) for _ in range(MEASURED_FRAMES)]
    used = prompts[0].length + WARM_FRAMES + MEASURED_FRAMES // 2
    name = f"ours, {n} row{'s' if n > 1 else ''}"
    return result("ours", name, n, spans, frame_cost(n, used, precision))


def profile_frames(frame, n: int) -> dict:
    """Where a frame's time goes, by kind of operation, in the fastest of some profiled frames."""
    from torch.profiler import ProfilerActivity, profile

    best: dict = {"frame_ms": float("inf")}
    for _ in range(8):
        with profile(activities=[ProfilerActivity.CPU]) as profiled:
            whole_ms = timed(frame) * 1e3
        if whole_ms > best["frame_ms"]:
            continue
        parts: dict[str, float] = defaultdict(float)
        for event in profiled.key_averages():
            group = next((g for g, words in GROUPS.items() if any(w in event.key for w in words)), REST)
            parts[group] += event.self_cpu_time_total / 1e3
        parts["python, and the profiler itself"] = whole_ms - sum(parts.values())
        best = {"kind": "profile", "rows": n, "frame_ms": whole_ms, "parts": dict(parts)}
    return best


def result(kind: str, name: str, rows: int, spans: list[float], cost: tuple[float, float]) -> dict:
    return {
        "kind": kind,
        "name": name,
        "rows": rows,
        "frame_ms": min(spans) * 1e3,
        "median_ms": median(spans) * 1e3,
        "frames_s": rows / min(spans),
        "peak_gb": peak_gb(),
        "frame_bytes": cost[0],
        "frame_flop": cost[1],
    }


def frame_cost(rows: int, used: int, precision: str) -> tuple[float, float]:
    """The bytes that a frame must read and its operations, at S1-mini's shape.

    The slow layers count once, the fast ones for every code (the first two positions can share a pass), keys
    and values once.
    """
    slow = 28 * (1024 * 4096 + 2048 * 1024 + 3 * 1024 * 3072)
    fast = 4 * (1024 * 2048 + 1024 * 1024 + 3 * 1024 * 3072)
    heads = 1024 * 4097 + 9 * 1024 * 1024
    kv = 2 * 28 * 8 * 128 * used * rows
    read = (slow + 9 * fast + heads + kv) * (4 if precision == "float32" else 2)
    return read, 2 * rows * (slow + 10 * fast + heads) + 2 * 2 * kv


def made_up_codes():
    import torch

    return torch.randint(0, 1024, (10, PROMPT_FRAMES), generator=torch.Generator().manual_seed(0))


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
