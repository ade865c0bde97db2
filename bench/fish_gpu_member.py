"""One process of fish_gpu_crowd.py: the package's loop, or one of our workers' decoders."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch

from bench.fish_gpu_ours import (
    LENGTH,
    PROMPT_FRAMES,
    TEXT,
    Setting,
    frame,
    load,
    make_decoder,
    prefill,
    synchronise,
)


def main() -> None:
    told = json.loads(sys.argv[1])
    kind, span_s = told.pop("kind"), told.pop("span_s")
    rows, is_compiled = told.pop("rows", 1), told.pop("compiled", False)
    given = Setting(section=kind, rows=[rows], limit_s=0.0, **told)
    work, count = ours(given, rows) if kind == "ours" else theirs(given, is_compiled=is_compiled)
    print("ready", flush=True)
    sys.stdin.readline()
    begin, frames = time.perf_counter(), 0
    while time.perf_counter() - begin < span_s:
        frames += work() * count
    synchronise(given)
    spent = time.perf_counter() - begin
    peak_gb = torch.cuda.max_memory_allocated() / 2**30 if given.is_cuda else 0.0
    print(json.dumps({"frames": frames, "span_s": spent, "peak_gb": peak_gb}), flush=True)


def ours(given: Setting, rows: int):
    """A stretch of frames for all rows, begun anew whenever they come to the end of their room."""
    decoder = make_decoder(load(given), rows, given.kernels[0], graphs=given.is_cuda)
    start = prefill(decoder, rows)
    room = min(LENGTH - start - 2, 150) if not given.tiny else 4

    def stretch() -> int:
        prefill(decoder, rows)
        for _ in range(room):
            frame(decoder, rows)
        return room

    stretch()
    synchronise(given)
    return stretch, rows


def theirs(given: Setting, *, is_compiled: bool):
    """The package's `generate`, as it is shipped (a cache of 8192), with its own way of compiling."""
    from fishd.engines.fish.import_stubs import import_upstream
    from tests.engines.fish_upstream import load_upstream, upstream_prompt

    model = load_upstream(Path(given.checkpoint), given.dtype).to(given.where)
    (inference,) = import_upstream("fish_speech.models.text2semantic.inference")
    inference.tqdm = lambda frames: frames
    codes = torch.randint(0, 64, (10, PROMPT_FRAMES), generator=torch.Generator().manual_seed(0))
    prompt = upstream_prompt(model.tokenizer, "What the clip says.", codes, TEXT[:40]).to(given.where)
    one_token = inference.decode_one_token_ar
    if is_compiled:
        backend, mode = ("inductor", "reduce-overhead") if given.is_cuda else ("aot_eager", None)
        one_token = torch.compile(one_token, backend=backend, mode=mode, fullgraph=True)
    ids = model.tokenizer.semantic_begin_id, model.tokenizer.semantic_end_id
    count = 150 if given.is_cuda else 3

    def semantic(**inputs):
        drawn = one_token(**inputs).clone()
        drawn[0].clamp_(*ids)  # random weights draw text ids, which the package cannot embed
        return drawn

    def generate() -> int:
        with torch.inference_mode():
            inference.generate(
                model=model, prompt=prompt, max_new_tokens=count, audio_masks=None, audio_parts=None,
                decode_one_token=semantic, temperature=0.8, top_p=0.8, repetition_penalty=1.1,
            )  # fmt: skip
        return count

    generate()
    synchronise(given)
    return generate, 1


if __name__ == "__main__":
    main()
