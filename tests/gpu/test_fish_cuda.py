"""The fish engine on a CUDA device: what it draws there, alone, together and recorded, is the same.

Everything here needs a card; on the CPU the same is tested with a stand-in recorder in tests/engines.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from fishd.engines import fish  # noqa: E402 - after the skip above
from fishd.engines.fish.cuda.capture import CudaRecorder, Work  # noqa: E402
from fishd.engines.fish.cuda.graph_decoder import (  # noqa: E402
    FrameSettings,
    GraphDecoder,
    frame_settings,
    row_buckets,
)
from fishd.engines.fish.cuda.triton_ops import TritonOps  # noqa: E402
from fishd.engines.fish.decode.decoder import Decoder  # noqa: E402
from fishd.engines.fish.decode.kv import Plan  # noqa: E402
from fishd.engines.fish.model.architecture import Model  # noqa: E402
from fishd.engines.fish.model.weights import load_model  # noqa: E402
from fishd.engines.fish.options import Sampling  # noqa: E402
from fishd.engines.protocol import Spoken  # noqa: E402
from tests.engines.contract import speak  # noqa: E402
from tests.engines.fish_checkpoint import make_tiny  # noqa: E402
from tests.engines.fish_parts import make_take, make_voice  # noqa: E402
from tests.engines.test_fish_truth import draw, make_prompts  # noqa: E402

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
    pytest.mark.timeout(300),
]
PLAN = Plan(6, 512, 4096, "as the test says")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> Model:
    return load_model(checkpoint, torch.device("cuda:0"), torch.float32)


class CountingRecorder(CudaRecorder):
    """Counts what it records."""

    num_recorded = 0

    def __call__(self, work: Work) -> Work:
        replay = super().__call__(work)
        self.num_recorded += 1
        return replay


def counting(settings: FrameSettings) -> tuple[FrameSettings, list[CountingRecorder]]:
    """The settings with recorders that count, and the recorders that were made."""
    made: list[CountingRecorder] = []

    def make(device: torch.device) -> CountingRecorder:
        made.append(CountingRecorder(device))
        return made[-1]

    return replace(settings, make_recorder=make), made


def frames(decoder: Decoder, count: int = 40) -> torch.Tensor:
    return draw(decoder, make_prompts(decoder, Sampling(), 20)[0], count)


@pytest.mark.parametrize("kernels", ["plain", "triton"])
def test_recorded_frames_equal_plain_ones(model: Model, kernels: str) -> None:
    """Six rows, 40 frames, sampled, in float32: the plain path's tokens, and every record was made."""
    settings, recorders = counting(frame_settings(kernels, graphs=True))
    decoder = GraphDecoder(model, PLAN, settings=settings)
    assert frames(Decoder(model, PLAN)).tolist() == frames(decoder).tolist()
    assert [] == decoder.notes
    assert 2 <= recorders[0].num_recorded


def test_tritons_kernels_pass_the_check_at_load(model: Model) -> None:
    """Nobody asked for them: they are used because they compute what the plain path computes."""
    decoder = GraphDecoder(model, PLAN, settings=FrameSettings(None, TritonOps, is_optional=True))
    assert [] == decoder.notes


def test_every_bucket_is_recorded_ahead(model: Model) -> None:
    settings, recorders = counting(frame_settings("auto", graphs=True))
    GraphDecoder(model, PLAN, settings=settings).prepare()
    assert [2 * len(row_buckets(PLAN.slots))] == [recorder.num_recorded for recorder in recorders]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_takes_are_spoken_within_the_budget(checkpoint: Path, tmp_path: Path, precision: str) -> None:
    """Twelve takes of two voices in three slots; torch takes no more than model_memory_gb of the card."""
    voices = [make_voice(tmp_path, f"voice-{i}") for i in range(2)]
    options = {"checkpoint": str(checkpoint), "precision": precision, "slots": 3, "model_memory_gb": 2.0}
    engine = fish.factory("cuda:0", options)
    ended = speak(engine, [make_take(voices[i % 2], i) for i in range(12)])
    engine.close()
    assert 6 <= sum(isinstance(e, Spoken) for e in ended)
    assert torch.cuda.max_memory_reserved() <= 2 * 2**30


def test_a_take_is_the_same_alone_and_in_a_batch(checkpoint: Path, tmp_path: Path) -> None:
    """In float32, with slots refilled, by the codes' own sound."""
    voice = make_voice(tmp_path, "voice")
    takes = [make_take(voice, i) for i in range(6)]

    def lengths(slots: int) -> dict[str, int]:
        options = {
            "checkpoint": str(checkpoint),
            "precision": "float32",
            "slots": slots,
            "model_memory_gb": 2.0,
        }
        engine = fish.factory("cuda:0", options)
        ended = {e.take_id: len(e.audio) if isinstance(e, Spoken) else -1 for e in speak(engine, takes)}
        engine.close()
        return ended

    assert lengths(1) == lengths(4)
