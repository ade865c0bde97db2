"""Compares Triton's kernels, interpreted on the CPU, with the plain path. Run with TRITON_INTERPRET=1.

python -m tests.engines.fish_interpreted CHECKPOINT [FRAMES]
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from fishd.engines.fish.cuda.graph_decoder import FrameSettings, GraphDecoder
from fishd.engines.fish.cuda.op_check import disagreements
from fishd.engines.fish.cuda.ops import ReferenceOps
from fishd.engines.fish.cuda.triton_ops import TritonOps
from fishd.engines.fish.decode.decoder import Decoder
from fishd.engines.fish.decode.kv import Plan
from fishd.engines.fish.model.weights import load_model
from fishd.engines.fish.options import Sampling
from tests.engines.test_fish_truth import draw, make_prompts


def main(folder: Path, count: int) -> None:
    model, plan = load_model(folder, torch.device("cpu"), torch.float32), Plan(3, 256, 0, "")
    plain = Decoder(model, plan)
    decoder = GraphDecoder(model, plan, settings=FrameSettings(None, TritonOps))
    ops, reference = TritonOps(model, plain.rows), ReferenceOps(model, plain.rows)
    assert [] == disagreements(model, plain.rows, ops, reference)
    prompts = [make_prompts(d, Sampling(), 20)[0][:3] for d in (plain, decoder)]
    expected, actual = draw(plain, prompts[0], count), draw(decoder, prompts[1], count)
    assert expected.tolist() == actual.tolist(), (expected, actual)
    for name in ("codes", "window", "ended", "nonfinite", "step"):
        assert torch.equal(getattr(plain.rows, name), getattr(decoder.rows, name)), name
    torch.testing.assert_close(plain.rows.hidden, decoder.rows.hidden)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3)
