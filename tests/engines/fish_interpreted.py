"""Compares the Triton kernels, interpreted on the CPU, with the plain path. Run with TRITON_INTERPRET=1.

python -m tests.engines.fish_interpreted CHECKPOINT [FRAMES]
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from fishd.engines.fish.cuda.graph_decoder import FrameSettings, GraphDecoder
from fishd.engines.fish.cuda.op_check import find_mismatches
from fishd.engines.fish.cuda.ops import ReferenceOps
from fishd.engines.fish.cuda.triton_ops import TritonOps
from fishd.engines.fish.decode.decoder import Decoder
from fishd.engines.fish.decode.slot_plan import SlotPlan
from fishd.engines.fish.model.weights import load_model
from tests.engines.fish_parts import CPU, make_prompts, sample_frames


def main(folder: Path, count: int) -> None:
    model, plan = load_model(folder, CPU, torch.float32), SlotPlan(3, 256, 0, "")
    plain = Decoder(model, plan)
    decoder = GraphDecoder(model, plan, settings=FrameSettings(None, TritonOps))
    ops, reference = TritonOps(model, plain.rows), ReferenceOps(model, plain.rows)
    assert [] == find_mismatches(model, plain.rows, ops, reference)
    expected, actual = (sample_frames(d, make_prompts(d)[:3], count) for d in (plain, decoder))
    assert expected.tolist() == actual.tolist(), (expected, actual)
    for name in ("codes", "window", "ended", "nonfinite", "step"):
        assert torch.equal(getattr(plain.rows, name), getattr(decoder.rows, name)), name
    torch.testing.assert_close(plain.rows.hidden, decoder.rows.hidden)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3)
