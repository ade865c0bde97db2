"""Recorded frames equal plain ones; the recorder here replays by doing the work again on the same buffers."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from fishd.engines.fish.codec.codec import Codec
from fishd.engines.fish.cuda.async_readback import Glances
from fishd.engines.fish.cuda.capture import CudaRecorder, Replays
from fishd.engines.fish.cuda.codec_stream import Sounding, StreamedCodec
from fishd.engines.fish.cuda.graph_decoder import (
    FrameSettings,
    GraphDecoder,
    OpsFactory,
    frame_settings,
    row_buckets,
)
from fishd.engines.fish.cuda.op_check import disagreements
from fishd.engines.fish.cuda.ops import Ops, ReferenceOps
from fishd.engines.fish.cuda.triton_ops import TritonOps
from fishd.engines.fish.decode.decoder import Decoder, Prompt
from fishd.engines.fish.decode.kv import Plan
from fishd.engines.fish.engine import FishEngine
from fishd.engines.fish.memory import share
from fishd.engines.fish.model.architecture import Model
from fishd.engines.fish.model.rows import Rows, allocate_rows
from fishd.engines.fish.model.weights import load_model
from fishd.engines.fish.options import Sampling
from fishd.engines.fish.voices import Voices
from fishd.engines.protocol import Spoken, Take
from tests.engines.contract import speak
from tests.engines.fish_checkpoint import make_tiny
from tests.engines.fish_parts import make_take, make_voice
from tests.engines.test_fish_truth import draw, make_prompts

CPU = torch.device("cpu")
PLAN = Plan(6, 512, 4096, "as the test says")
Work = Callable[[], None]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> Model:
    return load_model(checkpoint, CPU, torch.float32)


class Recorder:
    """Stands in for a CUDA graph: nothing runs when recorded, the same work again when replayed."""

    def __init__(self) -> None:
        self.num_recorded, self.num_replays = 0, 0

    def __call__(self, work: Work) -> Work:
        self.num_recorded += 1

        def replay() -> None:
            self.num_replays += 1
            work()

        return replay


def broken_recorder(work: Work) -> Work:
    raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nand more")


def recording(
    model: Model,
    make_ops: OpsFactory | None,
    recorder: Callable[[Work], Work] | None = None,
    plan: Plan = PLAN,
) -> GraphDecoder:
    """A decoder that records on the CPU."""
    recorder = recorder or Recorder()
    return GraphDecoder(model, plan, settings=FrameSettings(lambda _: recorder, make_ops))


def prompts(decoder: Decoder) -> list[Prompt]:
    return make_prompts(decoder, Sampling(), 20)[0]


@pytest.mark.parametrize("make_ops", [None, ReferenceOps])
def test_recorded_frames_are_the_plain_ones_bit_for_bit(model: Model, make_ops: OpsFactory | None) -> None:
    """Six rows, 60 frames, sampled: the same tokens and hidden states, nearly all from records."""
    plain, recorder = Decoder(model, PLAN), Recorder()
    decoder = recording(model, make_ops, recorder)
    expected, actual = draw(plain, prompts(plain), 60), draw(decoder, prompts(decoder), 60)
    assert expected.tolist() == actual.tolist()
    assert torch.equal(plain.rows.hidden, decoder.rows.hidden)
    assert torch.equal(plain.rows.codes, decoder.rows.codes)
    assert 60 < recorder.num_replays


@pytest.mark.parametrize("make_ops", [None, ReferenceOps])
def test_rows_beyond_those_in_use_change_nothing(model: Model, make_ops: OpsFactory | None) -> None:
    """Three rows in a bucket of four: as drawn by themselves."""
    plain, decoder = Decoder(model, PLAN), recording(model, make_ops)
    expected, actual = draw(plain, prompts(plain)[:3], 40), draw(decoder, prompts(decoder)[:3], 40)
    assert expected.tolist() == actual.tolist()


def test_preparing_leaves_no_trace(model: Model) -> None:
    """After `prepare`, rows speak as if nothing had been; every bucket has its two records."""
    plain, recorder = Decoder(model, PLAN), Recorder()
    decoder = recording(model, ReferenceOps, recorder)
    decoder.prepare()
    assert 2 * len(row_buckets(PLAN.slots)) == recorder.num_recorded
    assert draw(plain, prompts(plain), 30).tolist() == draw(decoder, prompts(decoder), 30).tolist()


def test_a_failed_recording_costs_speed_alone(model: Model) -> None:
    """The first failure is noted, nothing is recorded again, and the frames are the same."""
    plain, decoder = Decoder(model, PLAN), recording(model, ReferenceOps, broken_recorder)
    expected, actual = draw(plain, prompts(plain), 30), draw(decoder, prompts(decoder), 30)
    assert expected.tolist() == actual.tolist()
    (note,) = decoder.notes
    assert "operation not permitted" in note
    assert "and more" not in note


def test_work_runs_first_is_recorded_second_and_replayed_from_then_on() -> None:
    """Every call does its work exactly once."""
    done, recorder = [], Recorder()
    replays = Replays(recorder)
    for turn in range(4):
        replays.run("a key", lambda: done.append("done"))
        assert (turn + 1, max(0, turn)) == (len(done), recorder.num_replays)


def small_rows(count: int) -> Rows:
    return allocate_rows(count, 8, 4, 2, torch.float32, CPU)


def test_a_glance_is_a_frame_old() -> None:
    """An end is seen when one more frame has been queued."""
    rows = small_rows(2)
    glances = Glances(rows, CPU)
    glances.drawn(2)
    rows.ended[1] = 5
    glances.drawn(2)
    assert [(-1, -1), (-1, -1)] == glances.previous(2)
    glances.drawn(2)
    assert [(-1, -1), (5, -1)] == glances.previous(2)


def test_a_glance_says_nothing_of_rows_that_have_changed_since() -> None:
    """What was copied of a row before it was begun or moved is not taken for its own."""
    rows = small_rows(2)
    glances = Glances(rows, CPU)
    rows.ended[0] = rows.ended[1] = 3
    glances.drawn(2)
    glances.changed([1])
    glances.drawn(2)
    assert [(3, -1), (-1, -1)] == glances.previous(2)


def test_buckets_end_with_all_slots() -> None:
    assert [1] == row_buckets(1)
    assert [1, 2, 4, 6] == row_buckets(6)
    assert [1, 2, 4, 8, 16, 24, 30] == row_buckets(30)
    assert [1, 2, 4, 8, 16, 24, 32] == row_buckets(32)


class Event:
    """A CUDA event that comes the third time it is asked for."""

    def __init__(self) -> None:
        self.num_asked = 0

    def query(self) -> bool:
        self.num_asked += 1
        return self.num_asked >= 3

    def synchronize(self) -> None:
        self.num_asked = 3


class LateCodec(StreamedCodec):
    """On the CPU, and yet its clips come later."""

    def __init__(self, folder: Path) -> None:
        Codec.__init__(self, folder, CPU, torch.float32)
        self.events: list[Event] = []

    def begin(self, codes: Sequence[torch.Tensor]) -> Sounding:
        self.events.append(Event())
        return Sounding(self.decode(codes), self.events[-1])


def spoken(
    checkpoint: Path, takes: list[Take], make: Callable[[Model, Plan], Decoder], codec: Codec | None = None
) -> dict[str, object]:
    """How takes end with three slots, refilled again and again."""
    model, codec = load_model(checkpoint, CPU, torch.float32), codec or Codec(checkpoint, CPU, torch.float32)
    voices = Voices(codec, model.tokenizer, None, 4096)
    plan = Plan(3, 1024, 4096, "")
    engine = FishEngine(lambda wanted: make(model, wanted), codec, voices, plan, Sampling())
    ended = speak(engine, takes)
    engine.close()
    return {e.take_id: e for e in ended}


def test_an_engine_that_looks_back_speaks_the_same(checkpoint: Path, tmp_path: Path) -> None:
    """Ends seen a frame late, rows moved and refilled, limits met: as with the plain decoder."""
    takes = some_takes(tmp_path)
    expected = spoken(checkpoint, takes, Decoder)
    assert_same(
        expected, spoken(checkpoint, takes, lambda model, plan: recording(model, ReferenceOps, plan=plan))
    )


def test_clips_that_come_later_are_the_same(checkpoint: Path, tmp_path: Path) -> None:
    """A codec that is not waited for: frames go on meanwhile, and every take ends once, as before."""
    takes, codec = some_takes(tmp_path), LateCodec(checkpoint)
    assert_same(spoken(checkpoint, takes, Decoder), spoken(checkpoint, takes, Decoder, codec))
    assert codec.events
    assert all(event.num_asked >= 3 for event in codec.events)


def some_takes(folder: Path) -> list[Take]:
    """Of two voices; every third meets its limit."""
    voices = [make_voice(folder, f"voice-{i}") for i in range(2)]
    return [make_take(voices[i % 2], i, limit_s=4.0 if i % 3 else 1.0) for i in range(12)]


def assert_same(expected: dict[str, object], actual: dict[str, object]) -> None:
    assert expected.keys() == actual.keys()
    for name, one in expected.items():
        assert type(one) is type(actual[name])
        if isinstance(one, Spoken):
            np.testing.assert_allclose(one.audio, actual[name].audio, rtol=0, atol=1e-5, err_msg=name)
        else:
            assert one == actual[name]


def test_ops_that_compute_otherwise_are_found_out(model: Model) -> None:
    """The check at load names the step that is wrong, and passes ops that are right."""

    class Wrong(ReferenceOps):
        def gate(self, block, x):
            return super().gate(block, x) * 1.01

    rows = small_rows_of(model)
    right = ReferenceOps(model, rows)
    assert [] == disagreements(model, rows, ReferenceOps(model, rows), right)
    assert ["gate"] == disagreements(model, rows, Wrong(model, rows), right)


def small_rows_of(model: Model) -> Rows:
    return allocate_rows(4, 64, model.dim, model.num_codebooks, model.dtype, CPU)


def broken_ops(*_: object) -> Ops:
    raise ImportError("libcuda.so.1: not found")


def test_optional_kernels_that_fail_are_noted_and_done_without(model: Model) -> None:
    """Without a compiler the plain path decodes the same frames, and the log says why."""
    plain = Decoder(model, PLAN)
    decoder = GraphDecoder(model, PLAN, settings=FrameSettings(None, broken_ops, is_optional=True))
    assert draw(plain, prompts(plain), 30).tolist() == draw(decoder, prompts(decoder), 30).tolist()
    (note,) = decoder.notes
    assert "libcuda.so.1" in note


def test_kernels_that_were_asked_for_must_work(model: Model) -> None:
    """Their fault is the engine's."""
    with pytest.raises(ImportError, match="libcuda"):
        GraphDecoder(model, PLAN, settings=FrameSettings(None, broken_ops))


def test_options_choose_the_kernels() -> None:
    """Triton's must be named or installed; upstream's quirks need the plain path."""
    assert FrameSettings(CudaRecorder, TritonOps) == frame_settings("triton", graphs=True)
    assert FrameSettings(None) == frame_settings("plain", graphs=False)
    assert FrameSettings(CudaRecorder) == frame_settings("triton", graphs=True, upstream_quirks=True)


def test_a_budget_is_a_share_of_the_card() -> None:
    """What torch is told; a budget above the card is all of it."""
    assert 0.1 == share(8.0, 80.0)
    assert 1.0 == share(100.0, 80.0)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("triton") is None,
    reason="Triton is not installed (CUDA builds of torch bring it)",
)
def test_tritons_kernels_draw_the_same_frames(checkpoint: Path) -> None:
    """Interpreted on the CPU, in a process of its own: Triton decides at import how it runs."""
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    command = [sys.executable, "-m", "tests.engines.fish_interpreted", str(checkpoint)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr[-2000:]
