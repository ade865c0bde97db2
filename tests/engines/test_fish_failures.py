"""The fish engine's failures: out of memory, NaN logits, endless and silent takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from fishd.engines.fish.codec.clip_check import check_clip
from fishd.engines.fish.codec.codec import Codec
from fishd.engines.fish.decode.compact import CompactDecoder
from fishd.engines.fish.decode.decoder import Decoder
from fishd.engines.fish.engine import FishEngine
from fishd.engines.fish.memory import is_out_of_memory
from fishd.engines.protocol import Failed, OutOfMemory, Spoken, Take, Voice
from tests.engines.contract import speak
from tests.engines.fish_checkpoint import make_tiny
from tests.engines.fish_parts import assemble, make_take, make_voice


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> list[Take]:
    """Six takes that are all spoken when nothing fails."""
    folder = tmp_path_factory.mktemp("voices")
    voices = [make_voice(folder, f"voice-{i}", 0.5 + i) for i in range(2)]
    return [make_take(voices[i % 2], i) for i in (1, 4, 5, 6, 9, 10)]


@pytest.fixture(scope="module")
def undisturbed(checkpoint: Path, takes: list[Take]) -> dict[str, Spoken]:
    ended = speak(assemble(checkpoint), takes)
    assert [] == [e for e in ended if isinstance(e, Failed)]
    return {e.take_id: e for e in ended if isinstance(e, Spoken)}


def failing(error: Exception, *calls: int) -> type[Decoder]:
    """A decoder whose sampling raises at these calls, counted over all decoders of the class."""
    calls_so_far = iter(range(1_000_000))

    class FailingDecoder(Decoder):
        def sample_frame(self, n: int) -> None:
            if next(calls_so_far) in calls:
                raise error
            super().sample_frame(n)

    return FailingDecoder


def assert_undisturbed(undisturbed: dict[str, Spoken], ended: Sequence[Spoken | Failed]) -> None:
    assert undisturbed.keys() == {e.take_id for e in ended}
    for one in ended:
        assert isinstance(one, Spoken), one
        np.testing.assert_allclose(undisturbed[one.take_id].audio, one.audio, rtol=0, atol=1e-5)


# ---- memory ----------------------------------------------------------------------------------------------


def test_out_of_memory_halves_the_slots_and_loses_no_take(
    checkpoint: Path, takes: list[Take], undisturbed: dict[str, Spoken]
) -> None:
    """In the middle of a batch: every take is decoded again in half the slots, and sounds the same."""
    engine = assemble(checkpoint, failing(torch.OutOfMemoryError("full"), 9), slots=4)
    ended = speak(engine, takes)
    assert_undisturbed(undisturbed, ended)
    assert 3 == engine.capacity  # two slots, and one take ready for the next free one


def test_out_of_memory_again_ends_the_worker(checkpoint: Path, takes: list[Take]) -> None:
    """A second time before anything was spoken: the engine raises."""
    engine = assemble(checkpoint, failing(torch.OutOfMemoryError("full"), 2, 3), slots=4)
    with pytest.raises(OutOfMemory, match="again, with 2 slots"):
        speak(engine, takes)


def test_out_of_memory_later_on_halves_again(
    checkpoint: Path, takes: list[Take], undisturbed: dict[str, Spoken]
) -> None:
    """Once takes were spoken with half the slots, the next shortage halves them again."""
    engine = assemble(checkpoint, failing(torch.OutOfMemoryError("full"), 2, 100), slots=4)
    assert_undisturbed(undisturbed, speak(engine, takes))
    assert 2 == engine.capacity


def test_one_slot_that_does_not_fit_is_out_of_memory(checkpoint: Path, takes: list[Take]) -> None:
    """Nothing is left to halve: the message names the key to raise."""
    engine = assemble(checkpoint, failing(torch.OutOfMemoryError("full"), 0), slots=1)
    with pytest.raises(OutOfMemory, match="model_memory_gb"):
        speak(engine, takes[:1])


def test_no_room_at_load_halves_once(
    checkpoint: Path, takes: list[Take], undisturbed: dict[str, Spoken]
) -> None:
    """The card has less memory than the plan assumed: half the slots are tried once."""

    class LargeDecoder(Decoder):
        def __init__(self, model, plan, **options) -> None:
            if plan.slots > 2:
                raise torch.OutOfMemoryError("full")
            super().__init__(model, plan, **options)

    assert_undisturbed(undisturbed, speak(assemble(checkpoint, LargeDecoder, slots=4), takes))
    with pytest.raises(OutOfMemory, match="no room for 4 slots"):
        assemble(checkpoint, LargeDecoder, slots=8)


def test_out_of_memory_in_the_codec_loses_no_take(
    checkpoint: Path, takes: list[Take], undisturbed: dict[str, Spoken]
) -> None:
    """The codes are kept, and decoded once there is room."""
    calls = iter(range(1000))

    class FailingCodec(Codec):
        def decode(self, codes: Sequence[torch.Tensor]) -> list[torch.Tensor]:
            if next(calls) == 0:
                raise torch.OutOfMemoryError("full")
            return super().decode(codes)

    assert_undisturbed(undisturbed, speak(assemble(checkpoint, make_codec=FailingCodec), takes))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried …"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
        (ValueError("full"), False),
    ],
)
def test_out_of_memory_is_told_from_other_errors(error: Exception, expected: bool) -> None:
    """A device assert is not out of memory."""
    assert expected == is_out_of_memory(error)


def test_a_device_assert_ends_the_worker(checkpoint: Path, takes: list[Take]) -> None:
    """CUDA is unusable afterwards: the engine does not go on."""
    assertion = RuntimeError("CUDA error: device-side assert triggered")
    with pytest.raises(RuntimeError, match="device-side assert"):
        speak(assemble(checkpoint, failing(assertion, 5)), takes)


# ---- NaN -------------------------------------------------------------------------------------------------


def spoiling(at: int, base: type[Decoder] = Decoder) -> type[Decoder]:
    """A decoder whose first row has NaN in its hidden state and KV cache from call number `at` on."""
    calls_so_far = iter(range(1_000_000))

    class SpoilingDecoder(base):
        def sample_frame(self, n: int) -> None:
            if next(calls_so_far) == at:
                self.rows.hidden[0] = torch.nan
                self._keys[:, 0] = self._values[:, 0] = torch.nan
            super().sample_frame(n)

    return SpoilingDecoder


@pytest.mark.parametrize(("at", "retry"), [(0, False), (4, True)])
def test_nan_logits_fail_their_take(
    checkpoint: Path, takes: list[Take], undisturbed: dict[str, Spoken], at: int, retry: bool
) -> None:
    """Only that take, with the reason; another seed may do better unless it was the very first frame."""
    ended = {e.take_id: e for e in speak(assemble(checkpoint, spoiling(at), slots=6), takes)}
    failed = [e for e in ended.values() if isinstance(e, Failed)]
    assert [
        Failed(takes[0].id, f"the model produced NaN or infinite logits at frame {at + 1}", retry)
    ] == failed
    rest = {name: one for name, one in undisturbed.items() if name != takes[0].id}
    assert_undisturbed(rest, [e for e in ended.values() if isinstance(e, Spoken)])


@pytest.mark.parametrize("decoder", [Decoder, CompactDecoder])
def test_nan_does_not_outlive_its_take(
    checkpoint: Path, takes: list[Take], undisturbed: dict[str, Spoken], decoder: type[Decoder]
) -> None:
    """The next takes in the same row are undisturbed, though its KV cache held NaN."""
    ended = speak(assemble(checkpoint, spoiling(3, decoder), slots=1), takes)
    rest = {name: one for name, one in undisturbed.items() if name != takes[0].id}
    assert_undisturbed(rest, [e for e in ended if e.take_id != takes[0].id])


# ---- takes without a clip --------------------------------------------------------------------------------


def test_a_take_without_an_end_token_fails_and_may_be_retried(checkpoint: Path, takes: list[Take]) -> None:
    """At limit_s there was no end token: nothing is cut off and published."""
    endless = [Take(t.id, t.voice, t.text, t.language, t.seed, 0.15) for t in takes]
    ended = speak(assemble(checkpoint), endless)
    assert {Failed(t.id, "the model did not end the line within 0.1 s", retry=True) for t in endless} == set(
        ended
    )


def test_a_silent_take_may_be_retried(checkpoint: Path, takes: list[Take]) -> None:
    """Silent audio fails its take."""

    class SilentCodec(Codec):
        def decode(self, codes: Sequence[torch.Tensor]) -> list[torch.Tensor]:
            return [torch.zeros_like(audio) for audio in super().decode(codes)]

    ended = speak(assemble(checkpoint, make_codec=SilentCodec), takes)
    assert all(isinstance(e, Failed) and e.retry and "silent" in e.reason for e in ended)


@pytest.mark.parametrize(
    ("audio", "word"),
    [
        (None, "0.00 s"),
        (torch.ones(4000) * 0.5, "0.09 s"),
        (torch.ones(44_100) * 1e-4, "silent"),
        (torch.full((44_100,), torch.nan), "NaN or infinite"),
    ],
)
def test_unusable_audio_says_why(audio: torch.Tensor | None, word: str) -> None:
    """Too short, silent or NaN: another seed may do better."""
    ended = check_clip("it", audio, 44_100)
    assert isinstance(ended, Failed)
    assert ended.retry
    assert word in ended.reason


def test_samples_beyond_full_scale_are_clipped() -> None:
    """A clip is within -1..1."""
    ended = check_clip("it", torch.full((44_100,), 1.5), 44_100)
    assert isinstance(ended, Spoken)
    assert 1.0 == ended.audio.max()


def test_a_reference_too_long_for_the_model_fails_its_take(checkpoint: Path, tmp_path: Path) -> None:
    """The reason says how much room a slot has."""
    voice = make_voice(tmp_path, "long", 60.0)
    (ended,) = speak(assemble(checkpoint, slots=1, length=512), [make_take(voice, 0)])
    assert isinstance(ended, Failed)
    assert not ended.retry
    assert "do not fit the 512 tokens" in ended.reason


# ---- memory over time ------------------------------------------------------------------------------------


def varied(voices: list[Voice], count: int) -> list[Take]:
    return [make_take(voices[i % len(voices)], i, limit_s=1.0 + i % 7) for i in range(count)]


def rss_bytes() -> int:
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * 4096


def feed(engine: FishEngine, takes: list[Take]) -> None:
    """As `speak` does, without keeping the audio."""
    waiting, in_flight = list(takes), 0
    while waiting or in_flight:
        while waiting and in_flight < engine.capacity:
            engine.start(waiting.pop(0))
            in_flight += 1
        in_flight -= len(engine.step())


def growth(checkpoint: Path, folder: Path, warm: int, count: int) -> float:
    """The growth of the process from `warm` takes to `count`, as a fraction."""
    engine: FishEngine = assemble(checkpoint, slots=8, length=512)
    voices = [make_voice(folder, f"voice-{i}", 0.5 + 0.3 * i) for i in range(12)]
    takes = varied(voices, count)
    feed(engine, takes[:warm])
    before = rss_bytes()
    feed(engine, takes[warm:])
    return rss_bytes() / before - 1


def test_memory_does_not_grow(checkpoint: Path, tmp_path: Path) -> None:
    """From 200 to 280 varied takes: under 5 %."""
    assert growth(checkpoint, tmp_path, 200, 280) < 0.05


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_memory_does_not_grow_in_a_thousand_takes(checkpoint: Path, tmp_path: Path) -> None:
    """From 200 to 1,200 varied takes: under 5 %."""
    assert growth(checkpoint, tmp_path, 200, 1200) < 0.05
