"""The profile cache: reused, shared between workers, and recomputed when damaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fishd.engines import preview
from fishd.engines.preview.cache import MAX_ON_DISK, PREFIX, Cache
from tests.engines.preview_parts import audio_of, make_voice, say


@dataclass(frozen=True, slots=True)
class Inner:
    rows: np.ndarray
    count: int


@dataclass(frozen=True, slots=True)
class Outer:
    name: str
    share: float
    inner: Inner


VALUE = Outer("a", 0.5, Inner(np.arange(6.0).reshape(2, 3), 7))


def once() -> Callable[[], Outer]:
    """A computation that may run only once."""
    return [VALUE].pop


def never() -> Outer:
    raise AssertionError("computed again")


def test_a_cached_value_is_not_computed_again(tmp_path: Path) -> None:
    """Neither by the same cache nor by another one with the same folder."""
    cache = Cache(tmp_path)
    compute = once()
    assert cache.get(Outer, "key", compute) is cache.get(Outer, "key", compute)
    read = Cache(tmp_path).get(Outer, "key", never)
    assert (VALUE.name, VALUE.share, VALUE.inner.count) == (read.name, read.share, read.inner.count)
    assert np.array_equal(VALUE.inner.rows, read.inner.rows)


def test_other_keys_are_other_entries(tmp_path: Path) -> None:
    """Another key is computed."""
    Cache(tmp_path).get(Outer, "key", once())
    with pytest.raises(AssertionError, match="computed again"):
        Cache(tmp_path).get(Outer, "another", never)


def test_without_a_folder_nothing_touches_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache may live in memory only."""
    monkeypatch.chdir(tmp_path)
    Cache(None).get(Outer, "key", once())
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive", None])
def test_a_damaged_entry_is_computed_again(tmp_path: Path, damage: bytes | None) -> None:
    """Empty, of another format or truncated: the entry is replaced by a good one."""
    Cache(tmp_path).get(Outer, "key", once())
    (entry,) = tmp_path.iterdir()
    entry.write_bytes(entry.read_bytes()[:-40] if damage is None else damage)
    Cache(tmp_path).get(Outer, "key", once())
    assert Cache(tmp_path).get(Outer, "key", never).name == "a"


def test_a_flipped_bit_is_detected(tmp_path: Path) -> None:
    """Arrays carry a checksum."""
    Cache(tmp_path).get(Outer, "key", once())
    (entry,) = tmp_path.iterdir()
    content = bytearray(entry.read_bytes())
    content[content.index(VALUE.inner.rows.tobytes()) + 10] ^= 1
    entry.write_bytes(content)
    with pytest.raises(AssertionError, match="computed again"):
        Cache(tmp_path).get(Outer, "key", never)


def test_only_whole_entries_are_ever_seen(tmp_path: Path) -> None:
    """No temporary file is left."""
    Cache(tmp_path).get(Outer, "key", once())
    assert [".npz"] == [entry.suffix for entry in tmp_path.iterdir()]


def test_a_folder_that_cannot_be_created_costs_only_time(tmp_path: Path) -> None:
    """A cache that cannot be written does not fail."""
    (tmp_path / "taken").write_text("a file, not a folder")
    assert Cache(tmp_path / "taken").get(Outer, "key", once()) is VALUE


def test_the_oldest_entries_are_deleted(tmp_path: Path) -> None:
    """The folder does not grow without limit, and other files in it stay."""
    for number in range(MAX_ON_DISK + 5):
        (tmp_path / f"{PREFIX}old-{number}.npz").touch()
    (tmp_path / "mine.txt").touch()
    Cache(tmp_path).get(Outer, "key", once())
    assert len(list(tmp_path.glob("*.npz"))) == MAX_ON_DISK
    assert (tmp_path / "mine.txt").exists()
    assert Cache(tmp_path).get(Outer, "key", never).name == "a"


def test_a_cached_voice_sounds_the_same(tmp_path: Path) -> None:
    """Enrolled now, or read from the disk by another engine: the same audio, bit for bit."""
    voice = make_voice(tmp_path)
    options = {"cache_dir": str(tmp_path / "cache")}
    first = audio_of(say(preview.factory("cpu", options), voice, "Good evening."))
    voice.clips[0].unlink()  # a cached profile needs no clip
    assert np.array_equal(first, audio_of(say(preview.factory("cpu", options), voice, "Good evening.")))
    assert len(list((tmp_path / "cache").iterdir())) == 2
