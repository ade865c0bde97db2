"""The GPU path's late results, on a CPU: row status one frame old, clips that the codec finishes later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from fishd.engines.fish.codec.codec import Codec, CodecJob
from fishd.engines.fish.cuda.async_readback import AsyncReadback
from fishd.engines.fish.cuda.ops import ReferenceOps
from fishd.engines.fish.decode.decoder import RUNNING, Decoder, RowStatus
from fishd.engines.fish.decode.slot_plan import SlotPlan
from fishd.engines.fish.engine import FishEngine
from fishd.engines.fish.model.architecture import Model
from fishd.engines.fish.model.rows import Rows, allocate_rows
from fishd.engines.protocol import Failed, Spoken, Take
from tests.engines.contract import speak
from tests.engines.fish_checkpoint import make_tiny
from tests.engines.fish_parts import CPU, assemble, capturing_decoder, make_take, make_voice

ROW_RUNNING = RowStatus(RUNNING, RUNNING)
Ended = Spoken | Failed


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> list[Take]:
    """Takes of two voices; every third reaches its limit."""
    folder = tmp_path_factory.mktemp("voices")
    voices = [make_voice(folder, f"voice-{i}") for i in range(2)]
    return [make_take(voices[i % 2], i, limit_s=4.0 if i % 3 else 1.0) for i in range(12)]


@pytest.fixture(scope="module")
def expected(checkpoint: Path, takes: list[Take]) -> dict[str, Ended]:
    """How the takes end with the plain decoder and codec, in three slots that are refilled."""
    return ends(assemble(checkpoint, slots=3), takes)


def two_rows() -> Rows:
    return allocate_rows(2, 8, 4, 2, torch.float32, CPU)


def ends(engine: FishEngine, takes: list[Take]) -> dict[str, Ended]:
    ended = {e.take_id: e for e in speak(engine, takes)}
    engine.close()
    return ended


def assert_same(expected: dict[str, Ended], actual: dict[str, Ended]) -> None:
    assert expected.keys() == actual.keys()
    for name, end in expected.items():
        other = actual[name]
        if isinstance(end, Spoken) and isinstance(other, Spoken):
            np.testing.assert_allclose(end.audio, other.audio, rtol=0, atol=1e-5, err_msg=name)
        else:
            assert end == other


def test_status_is_one_frame_old() -> None:
    """An end becomes visible when one more frame has been queued."""
    rows = two_rows()
    readback = AsyncReadback(rows, CPU)
    readback.enqueue(2)
    rows.ended[1] = 5
    readback.enqueue(2)
    assert [ROW_RUNNING, ROW_RUNNING] == readback.previous(2)
    readback.enqueue(2)
    assert [ROW_RUNNING, RowStatus(5, RUNNING)] == readback.previous(2)


def test_status_of_a_replaced_row_is_running() -> None:
    """What was copied from a row before it was replaced is not reported for its new take."""
    rows = two_rows()
    readback = AsyncReadback(rows, CPU)
    rows.ended[0] = rows.ended[1] = 3
    readback.enqueue(2)
    readback.invalidate([1])
    readback.enqueue(2)
    assert [RowStatus(3, RUNNING), ROW_RUNNING] == readback.previous(2)


def test_an_engine_with_late_status_speaks_the_same(
    checkpoint: Path, takes: list[Take], expected: dict[str, Ended]
) -> None:
    """Ends seen a frame late, rows moved and refilled, limits reached: as with the plain decoder."""

    def make_decoder(model: Model, plan: SlotPlan) -> Decoder:
        return capturing_decoder(model, plan, ReferenceOps)

    assert_same(expected, ends(assemble(checkpoint, make_decoder, slots=3), takes))


class LateEvent:
    """A CUDA event that is done the third time it is queried."""

    def __init__(self) -> None:
        self.num_queries = 0

    def query(self) -> bool:
        self.num_queries += 1
        return self.num_queries >= 3

    def synchronize(self) -> None:
        self.num_queries = 3


def test_clips_decoded_in_the_background_are_the_same(
    checkpoint: Path, takes: list[Take], expected: dict[str, Ended]
) -> None:
    """Frames go on while the codec works, and every take ends once, as before."""
    events: list[LateEvent] = []

    class LateCodec(Codec):
        def submit(self, codes: Sequence[torch.Tensor]) -> CodecJob:
            events.append(LateEvent())
            return CodecJob(self.decode(codes), events[-1])

    assert_same(expected, ends(assemble(checkpoint, make_codec=LateCodec, slots=3), takes))
    assert events
    assert all(event.num_queries >= 3 for event in events)
