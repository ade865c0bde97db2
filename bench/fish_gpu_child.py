"""One process of fish_gpu_processes.py: fish_speech's loop, or one of our workers' decoders."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch

from bench.fish_gpu_decoder import (
    PROMPT_FRAMES,
    ROW_TOKENS,
    TEXT,
    Setting,
    decode_frame,
    load,
    make_decoder,
    prefill,
    synchronise,
)


def main() -> None:
    given = json.loads(sys.argv[1])
    kind, span_s = given.pop("kind"), given.pop("span_s")
    rows, is_compiled = given.pop("rows", 1), given.pop("compiled", False)
    setting = Setting(section=kind, rows=[rows], limit_s=0.0, **given)
    work, count = ours(setting, rows) if kind == "ours" else upstream(setting, is_compiled=is_compiled)
    print("ready", flush=True)
    sys.stdin.readline()
    begin, frames = time.perf_counter(), 0
    while time.perf_counter() - begin < span_s:
        frames += work() * count
    synchronise(setting)
    spent = time.perf_counter() - begin
    peak_gb = torch.cuda.max_memory_allocated() / 2**30 if setting.is_cuda else 0.0
    print(json.dumps({"frames": frames, "span_s": spent, "peak_gb": peak_gb}), flush=True)


def ours(setting: Setting, rows: int):
    """A run of frames for all rows, which are prefilled again when they are full."""
    decoder = make_decoder(load(setting), rows, setting.kernels[0], graphs=setting.is_cuda)
    start = prefill(decoder, rows)
    room = min(ROW_TOKENS - start - 2, 150) if not setting.tiny else 4

    def decode_frames() -> int:
        prefill(decoder, rows)
        for _ in range(room):
            decode_frame(decoder, rows)
        return room

    decode_frames()
    synchronise(setting)
    return decode_frames, rows


def upstream(setting: Setting, *, is_compiled: bool):
    """fish_speech's `generate` as shipped (a cache of 8192), compiled its own way."""
    from fishd.engines.fish.import_stubs import import_upstream
    from tests.engines.fish_upstream import load_upstream, upstream_prompt

    model = load_upstream(Path(setting.checkpoint), setting.dtype).to(setting.torch_device)
    (inference,) = import_upstream("fish_speech.models.text2semantic.inference")
    inference.tqdm = lambda frames: frames
    codes = torch.randint(0, 64, (10, PROMPT_FRAMES), generator=torch.Generator().manual_seed(0))
    prompt = upstream_prompt(model.tokenizer, "What the clip says.", codes, TEXT[:40])
    prompt = prompt.to(setting.torch_device)
    one_token = inference.decode_one_token_ar
    if is_compiled:
        backend, mode = ("inductor", "reduce-overhead") if setting.is_cuda else ("aot_eager", None)
        one_token = torch.compile(one_token, backend=backend, mode=mode, fullgraph=True)
    ids = model.tokenizer.semantic_begin_id, model.tokenizer.semantic_end_id
    count = 150 if setting.is_cuda else 3

    def semantic(**inputs):
        sampled = one_token(**inputs).clone()
        sampled[0].clamp_(*ids)  # random weights sample text ids, which fish_speech cannot embed
        return sampled

    def generate() -> int:
        with torch.inference_mode():
            inference.generate(
                model=model, prompt=prompt, max_new_tokens=count, audio_masks=None, audio_parts=None,
                decode_one_token=semantic, temperature=0.8, top_p=0.8, repetition_penalty=1.1,
            )  # fmt: skip
        return count

    generate()
    synchronise(setting)
    return generate, 1


if __name__ == "__main__":
    main()
