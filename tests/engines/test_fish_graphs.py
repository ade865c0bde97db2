"""Captured frames and fused ops, on a CPU: they sample what the plain decoder samples, also where they fail.

A fake capture replays by doing the work again on the same buffers.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fishd.engines.fish.cuda.capture import CudaCapture, GraphCache, Work
from fishd.engines.fish.cuda.graph_decoder import (
    FrameSettings,
    GraphDecoder,
    OpsFactory,
    frame_settings,
    row_buckets,
)
from fishd.engines.fish.cuda.op_check import find_mismatches
from fishd.engines.fish.cuda.ops import Ops, ReferenceOps
from fishd.engines.fish.cuda.triton_ops import TritonOps
from fishd.engines.fish.decode.decoder import Decoder
from fishd.engines.fish.decode.slot_plan import SlotPlan
from fishd.engines.fish.memory import budget_fraction
from fishd.engines.fish.model.architecture import Model
from fishd.engines.fish.model.rows import allocate_rows
from fishd.engines.fish.model.weights import load_model
from tests.engines.fish_checkpoint import make_tiny
from tests.engines.fish_parts import CPU, FakeCapture, capturing_decoder, make_prompts, sample_frames

PLAN = SlotPlan(6, 512, 4096, "")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> Model:
    return load_model(checkpoint, CPU, torch.float32)


def frames(decoder: Decoder, count: int, rows: int = 6) -> list:
    return sample_frames(decoder, make_prompts(decoder)[:rows], count).tolist()


def broken_capture(_: Work) -> Work:
    raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nand more")


def broken_ops(*_: object) -> Ops:
    raise ImportError("libcuda.so.1: not found")


@pytest.mark.parametrize("make_ops", [None, ReferenceOps])
def test_captured_frames_equal_plain_ones_bit_for_bit(model: Model, make_ops: OpsFactory | None) -> None:
    """Six rows, 60 frames, sampled: the same tokens and hidden states, nearly all by replay."""
    plain, capture = Decoder(model, PLAN), FakeCapture()
    decoder = capturing_decoder(model, PLAN, make_ops, capture)
    assert frames(plain, 60) == frames(decoder, 60)
    assert torch.equal(plain.rows.hidden, decoder.rows.hidden)
    assert torch.equal(plain.rows.codes, decoder.rows.codes)
    assert 60 < capture.num_replays


@pytest.mark.parametrize("make_ops", [None, ReferenceOps])
def test_unused_rows_of_a_bucket_change_nothing(model: Model, make_ops: OpsFactory | None) -> None:
    """Three rows in a bucket of four sample what they sample by themselves."""
    plain, decoder = Decoder(model, PLAN), capturing_decoder(model, PLAN, make_ops)
    assert frames(plain, 40, rows=3) == frames(decoder, 40, rows=3)


def test_warming_up_leaves_no_trace(model: Model) -> None:
    """Every bucket gets its two graphs, and rows then sample as if nothing had happened."""
    plain, capture = Decoder(model, PLAN), FakeCapture()
    decoder = capturing_decoder(model, PLAN, ReferenceOps, capture)
    decoder.warm_up()
    assert 2 * len(row_buckets(PLAN.slots)) == capture.num_captured
    assert frames(plain, 30) == frames(decoder, 30)


def test_a_failed_capture_costs_only_speed(model: Model) -> None:
    """The first failure is noted, nothing is captured again, and the frames are the same."""
    plain, decoder = Decoder(model, PLAN), capturing_decoder(model, PLAN, ReferenceOps, broken_capture)
    assert frames(plain, 30) == frames(decoder, 30)
    (note,) = decoder.notes
    assert "operation not permitted" in note
    assert "and more" not in note


def test_work_runs_first_is_captured_second_and_replayed_from_then_on() -> None:
    """Every call does its work exactly once."""
    done, capture = [], FakeCapture()
    graphs = GraphCache(capture, [])
    for turn in range(4):
        graphs.run("a key", lambda: done.append("done"))
        assert (turn + 1, max(0, turn)) == (len(done), capture.num_replays)


def test_buckets_end_with_all_slots() -> None:
    """Small buckets double, larger ones grow by eight, and the last is every slot."""
    assert [1] == row_buckets(1)
    assert [1, 2, 4, 6] == row_buckets(6)
    assert [1, 2, 4, 8, 16, 24, 30] == row_buckets(30)
    assert [1, 2, 4, 8, 16, 24, 32] == row_buckets(32)


def test_the_load_check_names_the_op_that_differs(model: Model) -> None:
    """A gate that is 1 % off is named; correct ops pass."""

    class WrongGate(ReferenceOps):
        def gate(self, block, x):
            return super().gate(block, x) * 1.01

    rows = allocate_rows(4, 64, model.dim, model.num_codebooks, model.dtype, CPU)
    reference = ReferenceOps(model, rows)
    assert [] == find_mismatches(model, rows, ReferenceOps(model, rows), reference)
    assert ["gate"] == find_mismatches(model, rows, WrongGate(model, rows), reference)


def test_optional_kernels_that_fail_are_noted_and_left_out(model: Model) -> None:
    """Without a compiler the plain path samples the same frames, and the log says why."""
    plain = Decoder(model, PLAN)
    decoder = GraphDecoder(model, PLAN, settings=FrameSettings(None, broken_ops, ops_optional=True))
    assert frames(plain, 30) == frames(decoder, 30)
    (note,) = decoder.notes
    assert "libcuda.so.1" in note


def test_required_kernels_that_fail_raise(model: Model) -> None:
    """kernels = "triton" never falls back."""
    with pytest.raises(ImportError, match="libcuda"):
        GraphDecoder(model, PLAN, settings=FrameSettings(None, broken_ops))


def test_options_choose_the_kernels() -> None:
    """Upstream's quirks need the plain path, whatever kernels are named."""
    assert FrameSettings(CudaCapture, TritonOps) == frame_settings("triton", graphs=True)
    assert FrameSettings(None) == frame_settings("plain", graphs=False)
    assert FrameSettings(CudaCapture) == frame_settings("triton", graphs=True, upstream_quirks=True)


def test_a_budget_is_a_fraction_of_the_card() -> None:
    """A budget above the card's memory is all of it."""
    assert 0.1 == budget_fraction(8.0, 80.0)
    assert 1.0 == budget_fraction(100.0, 80.0)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("triton") is None,
    reason="Triton is not installed (CUDA builds of torch bring it)",
)
def test_triton_kernels_sample_the_same_frames(checkpoint: Path) -> None:
    """Interpreted on the CPU, in a process of its own: Triton chooses at import how it runs."""
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    command = [sys.executable, "-m", "tests.engines.fish_interpreted", str(checkpoint)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr[-2000:]
