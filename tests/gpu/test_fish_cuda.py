"""The fish engine on a CUDA device samples the same, whether alone, in a batch or with captured graphs.

tests/engines tests the same on a CPU, with a fake capture.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from fishd.engines import fish  # noqa: E402 - after the skip above
from fishd.engines.fish.cuda.capture import CudaCapture, Work  # noqa: E402
from fishd.engines.fish.cuda.graph_decoder import (  # noqa: E402
    FrameSettings,
    GraphDecoder,
    frame_settings,
    row_buckets,
)
from fishd.engines.fish.cuda.triton_ops import TritonOps  # noqa: E402
from fishd.engines.fish.decode.decoder import Decoder  # noqa: E402
from fishd.engines.fish.decode.slot_plan import SlotPlan  # noqa: E402
from fishd.engines.fish.model.architecture import Model  # noqa: E402
from fishd.engines.fish.model.weights import load_model  # noqa: E402
from fishd.engines.protocol import Spoken  # noqa: E402
from tests.engines.contract import speak  # noqa: E402
from tests.engines.fish_checkpoint import make_tiny  # noqa: E402
from tests.engines.fish_parts import make_prompts, make_take, make_voice, sample_frames  # noqa: E402

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
    pytest.mark.timeout(300),
]
PLAN = SlotPlan(6, 512, 4096, "")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> Model:
    return load_model(checkpoint, torch.device("cuda:0"), torch.float32)


class CountingCapture(CudaCapture):
    """Counts its captured graphs."""

    num_captured = 0

    def __call__(self, work: Work) -> Work:
        replay = super().__call__(work)
        self.num_captured += 1
        return replay


def counting(settings: FrameSettings) -> tuple[FrameSettings, list[CountingCapture]]:
    """The settings with captures that count, and a list of these captures."""
    captures: list[CountingCapture] = []

    def make_capture(device: torch.device) -> CountingCapture:
        captures.append(CountingCapture(device))
        return captures[-1]

    return replace(settings, make_capture=make_capture), captures


def frames(decoder: Decoder) -> list:
    return sample_frames(decoder, make_prompts(decoder), 40).tolist()


@pytest.mark.parametrize("kernels", ["plain", "triton"])
def test_frames_of_captured_graphs_equal_plain_ones(model: Model, kernels: str) -> None:
    """The tokens of six rows are compared for 40 frames, in float32."""
    settings, captures = counting(frame_settings(kernels, graphs=True))
    decoder = GraphDecoder(model, PLAN, settings=settings)
    assert frames(Decoder(model, PLAN)) == frames(decoder)
    assert [] == decoder.notes
    assert 2 <= captures[0].num_captured


def test_the_triton_kernels_pass_their_check_when_they_are_loaded(model: Model) -> None:
    """A failed check would add a note."""
    decoder = GraphDecoder(model, PLAN, settings=FrameSettings(None, TritonOps, ops_optional=True))
    assert [] == decoder.notes


def test_warming_up_captures_two_graphs_for_every_bucket(model: Model) -> None:
    settings, captures = counting(frame_settings("auto", graphs=True))
    GraphDecoder(model, PLAN, settings=settings).warm_up()
    assert [2 * len(row_buckets(PLAN.slots))] == [capture.num_captured for capture in captures]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_takes_are_spoken_within_the_memory_budget(checkpoint: Path, tmp_path: Path, precision: str) -> None:
    """Twelve takes of two voices share three slots."""
    voices = [make_voice(tmp_path, f"voice-{i}") for i in range(2)]
    options = {"checkpoint": str(checkpoint), "precision": precision, "slots": 3, "model_memory_gb": 2.0}
    engine = fish.factory("cuda:0", options)
    ended = speak(engine, [make_take(voices[i % 2], i) for i in range(12)])
    engine.close()
    assert 6 <= sum(isinstance(e, Spoken) for e in ended)
    assert torch.cuda.max_memory_reserved() <= 2 * 2**30


def test_a_take_is_as_long_alone_as_in_a_batch(checkpoint: Path, tmp_path: Path) -> None:
    """In float32 it has the same number of samples."""
    voice = make_voice(tmp_path, "voice")
    takes = [make_take(voice, i) for i in range(6)]

    def lengths(slots: int) -> dict[str, int]:
        options = {"precision": "float32", "slots": slots, "model_memory_gb": 2.0}
        engine = fish.factory("cuda:0", {"checkpoint": str(checkpoint), **options})
        ended = {e.take_id: len(e.audio) if isinstance(e, Spoken) else -1 for e in speak(engine, takes)}
        engine.close()
        return ended

    assert lengths(1) == lengths(4)
