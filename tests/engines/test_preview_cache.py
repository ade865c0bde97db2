"""What was learned is kept on disk: used again, shared, and thrown away when it is no good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fishd.engines import preview
from fishd.engines.preview.cache import MOST_ON_DISK, PREFIX, Cache
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


LEARNED = Outer("a", 0.5, Inner(np.arange(6.0).reshape(2, 3), 7))


def once() -> Callable[[], Outer]:
    """A lesson that may be learned only once."""
    lessons = [LEARNED]
    return lessons.pop


def never() -> Outer:
    raise AssertionError("learned again")


def test_what_was_learned_is_not_learned_again(tmp_path: Path) -> None:
    """In memory, and by another cache over the same folder."""
    cache = Cache(tmp_path)
    learn = once()
    assert cache.get(Outer, "key", learn) is cache.get(Outer, "key", learn)
    read = Cache(tmp_path).get(Outer, "key", never)
    assert (LEARNED.name, LEARNED.share, LEARNED.inner.count) == (read.name, read.share, read.inner.count)
    assert np.array_equal(LEARNED.inner.rows, read.inner.rows)


def test_other_keys_are_other_entries(tmp_path: Path) -> None:
    """Nothing is found under a key that was never learned."""
    Cache(tmp_path).get(Outer, "key", once())
    with pytest.raises(AssertionError, match="learned again"):
        Cache(tmp_path).get(Outer, "another", never)


def test_without_a_folder_nothing_touches_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache may live in memory only."""
    monkeypatch.chdir(tmp_path)
    Cache(None).get(Outer, "key", once())
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive", None])
def test_a_damaged_entry_is_learned_anew(tmp_path: Path, damage: bytes | None) -> None:
    """Empty, foreign or cut short: the entry is replaced by a good one."""
    Cache(tmp_path).get(Outer, "key", once())
    (entry,) = tmp_path.iterdir()
    entry.write_bytes(entry.read_bytes()[:-40] if damage is None else damage)
    Cache(tmp_path).get(Outer, "key", once())
    assert Cache(tmp_path).get(Outer, "key", never).name == "a"


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    """Arrays carry a checksum."""
    Cache(tmp_path).get(Outer, "key", once())
    (entry,) = tmp_path.iterdir()
    content = bytearray(entry.read_bytes())
    content[content.index(LEARNED.inner.rows.tobytes()) + 10] ^= 1
    entry.write_bytes(content)
    with pytest.raises(AssertionError, match="learned again"):
        Cache(tmp_path).get(Outer, "key", never)


def test_only_whole_entries_are_ever_seen(tmp_path: Path) -> None:
    """What was written aside is renamed or removed."""
    Cache(tmp_path).get(Outer, "key", once())
    assert [".npz"] == [entry.suffix for entry in tmp_path.iterdir()]


def test_a_folder_that_cannot_be_made_costs_nothing_but_time(tmp_path: Path) -> None:
    """A cache that cannot be written is no fault."""
    (tmp_path / "taken").write_text("a file, not a folder")
    assert Cache(tmp_path / "taken").get(Outer, "key", once()) is LEARNED


def test_the_oldest_entries_make_room(tmp_path: Path) -> None:
    """The folder does not grow for ever, and what is not ours in it stays."""
    for number in range(MOST_ON_DISK + 5):
        (tmp_path / f"{PREFIX}old-{number}.npz").touch()
    (tmp_path / "mine.txt").touch()
    Cache(tmp_path).get(Outer, "key", once())
    assert len(list(tmp_path.glob("*.npz"))) == MOST_ON_DISK
    assert (tmp_path / "mine.txt").exists()
    assert Cache(tmp_path).get(Outer, "key", never).name == "a"


def test_a_cached_voice_sounds_the_same(tmp_path: Path) -> None:
    """Learned now, or read from the disk by another engine: the same audio, bit for bit."""
    voice = make_voice(tmp_path)
    options = {"cache_dir": str(tmp_path / "cache")}
    first = audio_of(say(preview.factory("cpu", options), voice, "Good evening."))
    voice.clips[0].unlink()  # what is cached needs no clip
    assert np.array_equal(first, audio_of(say(preview.factory("cpu", options), voice, "Good evening.")))
    assert len(list((tmp_path / "cache").iterdir())) == 2
