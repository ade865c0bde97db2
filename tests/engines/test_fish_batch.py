"""In float32 a take is the same alone and in any batch, whichever other takes share it."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from fishd.engines import fish
from fishd.engines.fish.decode.compact import CompactDecoder
from fishd.engines.protocol import Failed, Spoken, Take, Voice
from tests.engines.contract import speak, speak_one
from tests.engines.fish_checkpoint import make_tiny
from tests.engines.fish_parts import assemble, make_take, make_voice

NUM_TAKES = 14


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> list[Voice]:
    folder = tmp_path_factory.mktemp("voices")
    return [make_voice(folder, f"voice-{i}", 0.5 + i, "What is said here. " * (1 + i)) for i in range(3)]


@pytest.fixture(scope="module")
def takes(voices: list[Voice]) -> list[Take]:
    """Takes of three voices, of several lengths, some with options of their own."""
    some = [{}, {"temperature": 1.2}, {"top_p": 0.95, "repetition_penalty": 1.0}]
    return [make_take(voices[i % 3], i, **some[i // 3 % 3]) for i in range(NUM_TAKES)]


def spoken(checkpoint: Path, takes: list[Take], slots: int, **options: object) -> dict[str, Spoken | Failed]:
    """How takes end, fed in this order to an engine with so many slots."""
    engine = fish.factory(
        "cpu", {"checkpoint": str(checkpoint), "precision": "float32", "slots": slots, **options}
    )
    ended = {e.take_id: e for e in speak(engine, takes)}
    engine.close()
    return ended


@pytest.fixture(scope="module")
def alone(checkpoint: Path, takes: list[Take]) -> dict[str, Spoken | Failed]:
    """Every take by itself: one slot, one take at a time."""
    engine = fish.factory("cpu", {"checkpoint": str(checkpoint), "precision": "float32", "slots": 1})
    return {take.id: speak_one(engine, take) for take in takes}


def assert_same(expected: dict[str, Spoken | Failed], actual: dict[str, Spoken | Failed]) -> None:
    assert expected.keys() == actual.keys()
    for name, one in expected.items():
        other = actual[name]
        assert type(one) is type(other), f"{name}: {one} became {other}"
        if isinstance(one, Spoken) and isinstance(other, Spoken):
            assert len(one.audio) == len(other.audio), f"{name} has another length"
            np.testing.assert_allclose(one.audio, other.audio, rtol=0, atol=1e-5, err_msg=name)


def test_most_takes_were_spoken(alone: dict[str, Spoken | Failed]) -> None:
    """The comparisons below compare audio, not failures."""
    assert NUM_TAKES - 4 <= sum(isinstance(e, Spoken) for e in alone.values())


@pytest.mark.parametrize(("slots", "order"), [(14, 0), (4, 0), (4, 1), (3, 2), (2, 3)])
def test_a_take_is_the_same_in_any_batch(
    checkpoint: Path, takes: list[Take], alone: dict[str, Spoken | Failed], slots: int, order: int
) -> None:
    """All at once, or with slots refilled mid-way in different orders: the same as alone."""
    shuffled = list(takes)
    if order:
        random.Random(order).shuffle(shuffled)
    assert_same(alone, spoken(checkpoint, shuffled, slots))


def test_the_voices_codes_come_back_from_disk(checkpoint: Path, takes: list[Take], tmp_path: Path) -> None:
    """A second engine with the same cache speaks the same and encodes nothing."""
    first = spoken(checkpoint, takes[:3], 3, cache_dir=str(tmp_path))
    kept = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.npy")}
    assert_same(first, spoken(checkpoint, takes[:3], 3, cache_dir=str(tmp_path)))
    assert 3 == len(kept)
    assert kept == {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.npy")}


def test_a_damaged_cache_is_only_a_miss(checkpoint: Path, takes: list[Take], tmp_path: Path) -> None:
    """Voices whose files are damaged are encoded again."""
    first = spoken(checkpoint, takes[:1], 1, cache_dir=str(tmp_path))
    for file in tmp_path.rglob("*.npy"):
        file.write_bytes(b"not codes")
    assert_same(first, spoken(checkpoint, takes[:1], 1, cache_dir=str(tmp_path)))


def test_long_takes_get_longer_slots(checkpoint: Path, voices: list[Voice]) -> None:
    """Slots of 128 tokens: a take that needs 300 waits for an empty batch, and speaks the same."""
    short = [make_take(voices[0], i, limit_s=1.0) for i in range(6)]
    mixed = [*short[:3], make_take(voices[0], 6, limit_s=9.0), *short[3:]]
    wide = spoken(checkpoint, mixed, 4, slot_tokens=1024)
    assert_same(wide, spoken(checkpoint, mixed, 4, slot_tokens=128))


def test_another_seed_gives_other_audio(checkpoint: Path, voices: list[Voice]) -> None:
    """Of takes that differ only in their seed, no two sound alike."""
    takes = [Take(str(seed), voices[0], "The same words.", "en", seed, 8.0) for seed in (1, 2, 2**62)]
    ended = spoken(checkpoint, takes, 3).values()
    audio = [e.audio.tobytes() for e in ended if isinstance(e, Spoken)]
    assert len(set(audio)) == len(audio) >= 2


def test_rows_that_grow_and_shrink_speak_the_same(
    checkpoint: Path, takes: list[Take], alone: dict[str, Spoken | Failed]
) -> None:
    """The decoder that a CPU uses in half precision, in float32: row lengths change in mid-batch."""
    engine = assemble(checkpoint, CompactDecoder, slots=4, length=1024)
    assert_same(alone, {e.take_id: e for e in speak(engine, takes)})
