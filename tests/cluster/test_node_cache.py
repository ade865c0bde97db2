"""The reference clips that a node keeps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fishd.cluster.node.cache import BadTransfer, ReferenceCache
from fishd.cluster.node.clip_folder import ClipFolder
from fishd.core.model.hashes import content_hash
from tests.shell.cli import environ


def store(cache: ReferenceCache, content: bytes, used_at: float | None = None) -> str:
    name = f"{content_hash(content)}.wav"
    incoming = cache.open(name)
    for start in range(0, len(content), 3):
        incoming.write(content[start : start + 3])
    incoming.finish()
    if used_at is not None:
        os.utime(cache.path(name), (used_at, used_at))
    return name


def test_a_clip_that_arrived_is_there(tmp_path: Path) -> None:
    """Before, it is not, also while it arrives."""
    cache = ReferenceCache(tmp_path / "new")
    name = f"{content_hash(b'sound')}.wav"
    assert not cache.use(name)
    incoming = cache.open(name)
    incoming.write(b"sou")
    assert not cache.use(name)
    incoming.write(b"nd")
    incoming.finish()
    assert cache.use(name)
    assert b"sound" == cache.path(name).read_bytes()


def test_a_clip_with_other_content_than_its_name_says_is_refused(tmp_path: Path) -> None:
    """Nothing of it is left."""
    cache = ReferenceCache(tmp_path)
    incoming = cache.open(f"{content_hash(b'sound')}.wav")
    incoming.write(b"noise")
    with pytest.raises(BadTransfer, match=r"\.wav arrived with other content"):
        incoming.finish()
    incoming.discard()
    assert [] == list(tmp_path.iterdir())


def test_the_least_recently_used_clips_are_removed_above_the_limit(tmp_path: Path) -> None:
    """But none that was used within the last hour."""
    cache = ReferenceCache(tmp_path, max_bytes=10)
    oldest = store(cache, b"sounds", used_at=1.0)
    old = store(cache, b"noises", used_at=2.0)
    new = store(cache, b"voices", used_at=None)
    cache.remove_unused()
    assert [False, False, True] == [cache.use(name) for name in (oldest, old, new)]


def test_what_fits_is_kept(tmp_path: Path) -> None:
    """However old it is."""
    cache = ReferenceCache(tmp_path, max_bytes=12)
    kept = [store(cache, content, used_at=1.0) for content in (b"sounds", b"noises")]
    cache.remove_unused()
    assert all(cache.use(name) for name in kept)


def test_what_a_broken_transfer_left_is_removed(tmp_path: Path) -> None:
    """When it is an hour old."""
    cache = ReferenceCache(tmp_path)
    cache.open("name.wav").write(b"sou")
    (part,) = tmp_path.iterdir()
    cache.remove_unused()
    assert part.exists()
    os.utime(part, (1.0, 1.0))
    cache.remove_unused()
    assert not part.exists()


def test_the_clips_of_a_killed_actor_are_removed_by_the_next_one(tmp_path: Path) -> None:
    """Those of a living one stay."""
    living = ClipFolder(tmp_path).new_path("1.wav")
    living.write_bytes(b"sound")
    create = f"print(ClipFolder(Path({str(tmp_path)!r})).new_path('1'), flush=True)"
    command = [sys.executable, "-c", f"from fishd.cluster.node.clip_folder import *; {create}; os._exit(1)"]
    printed = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environ()
    ).stdout.strip()
    assert Path(printed).parent.exists()
    ClipFolder(tmp_path)
    assert not Path(printed).parent.exists()
    assert living.exists()
