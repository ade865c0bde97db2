"""Files of an untrusted bundle are opened beneath its folder or refused, with openat2 and without."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from fishd.core.text.humanize import human_size
from fishd.spool.durable.confined_fs import ConfinedFolder, Missing, Refused
from fishd.spool.durable.syscalls import has_openat2, open_beneath, open_by_kernel, open_by_steps

OPENERS = [open_by_steps, *([open_by_kernel] if has_openat2() else [])]


@pytest.fixture(params=OPENERS, ids=lambda opener: opener.__name__)
def opener(request: pytest.FixtureRequest) -> Callable[[int, str, int], int]:
    """Both implementations: openat2, if the kernel has it, and step by step."""
    return request.param


def test_a_file_below_the_folder_is_read(tmp_path: Path, opener: Callable[[int, str, int], int]) -> None:
    """Its path may contain dots and double slashes."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.txt").write_text("text")
    with ConfinedFolder(tmp_path, opener) as bundle:
        assert b"text" == bundle.read("./a//b/c.txt", 4)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("gone", "is missing"),
        ("a/gone/x", "is missing"),
        ("link", "is a symlink, or behind one; put the file itself into the bundle"),
        ("a/link/passwd", "is a symlink, or behind one; put the file itself into the bundle"),
        ("loop", "is a symlink, or behind one; put the file itself into the bundle"),
        ("fifo", "is a FIFO, not a file"),
        ("a", "is a folder, not a file"),
        ("file/x", "is below something that is not a folder"),
        ("long", "is 11 bytes long; at most 10 bytes are read"),
        ("socket", "is a FIFO or a socket, not a file"),
    ],
)
def test_anything_but_a_regular_file_is_refused(
    tmp_path: Path, opener: Callable[[int, str, int], int], path: str, expected: str
) -> None:
    """Both implementations give the same reason; a FIFO does not block."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "link").symlink_to("/etc")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    (tmp_path / "long").write_text("x" * 11)
    os.mkfifo(tmp_path / "fifo")
    os.mknod(tmp_path / "socket", 0o140_644)
    with ConfinedFolder(tmp_path, opener) as bundle, pytest.raises(Refused) as refused:
        bundle.read(path, 10)
    assert expected == str(refused.value)


def test_a_symlink_is_refused_and_not_missing(tmp_path: Path) -> None:
    """The inbox waits for missing files only."""
    (tmp_path / "link").symlink_to("gone")
    with ConfinedFolder(tmp_path) as bundle:
        with pytest.raises(Missing):
            bundle.read("gone", 10)
        with pytest.raises(Refused) as refused:
            bundle.read("link", 10)
    assert not isinstance(refused.value, Missing)


def test_missing_permission_is_reported_with_its_fix(tmp_path: Path) -> None:
    """The system's error is simulated, because root can read everything."""

    def opener(_fd: int, path: str, _flags: int) -> int:
        raise OSError(errno.EACCES, "Permission denied", path)

    with ConfinedFolder(tmp_path, opener) as bundle, pytest.raises(Refused, match=r"chmod a\+rX"):
        bundle.read("x", 10)


def test_openat2_never_leaves_the_folder(tmp_path: Path) -> None:
    """The path is one that earlier checks refuse."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out").write_text("secret")
    fd = os.open(tmp_path / "in", os.O_RDONLY | os.O_DIRECTORY)
    try:
        with pytest.raises(OSError, match="link"):
            open_beneath(fd, "../out", os.O_RDONLY)
    finally:
        os.close(fd)


def test_a_file_swapped_for_a_symlink_is_never_followed(
    tmp_path: Path, opener: Callable[[int, str, int], int]
) -> None:
    """A thread swaps a folder for a symlink again and again while files in it are read."""
    bundle_path, outside = tmp_path / "bundle", tmp_path / "outside"
    (bundle_path / "a").mkdir(parents=True)
    outside.mkdir()
    (bundle_path / "a" / "x").write_text("inside")
    (outside / "x").write_text("secret")
    (tmp_path / "link").symlink_to(outside)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for source in (tmp_path / "link", tmp_path / "a"):
                with suppress(OSError):
                    (bundle_path / "a").rename(tmp_path / ("a" if source.name == "link" else "link"))
                    source.rename(bundle_path / "a")

    thread = threading.Thread(target=swap)
    thread.start()
    seen: set[bytes] = set()
    try:
        with ConfinedFolder(bundle_path, opener) as bundle:
            for _ in range(2_000):
                with suppress(Refused):
                    seen.add(bundle.read("a/x", 100))
    finally:
        stop.set()
        thread.join()
    assert seen <= {b"inside"}


def test_descriptors_are_closed(tmp_path: Path, opener: Callable[[int, str, int], int]) -> None:
    """There are as many as before after reads and refusals."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("x")
    before = num_descriptors()
    with ConfinedFolder(tmp_path, opener) as bundle:
        for path in ("a/x", "a/gone", "a", "gone/x"):
            with suppress(Refused):
                bundle.read(path, 10)
    assert before == num_descriptors()


@pytest.mark.parametrize(("size", "words"), [(1, "1 bytes"), (2048, "2.0 KiB"), (5 << 30, "5.0 GiB")])
def test_sizes_are_formatted_for_people(size: int, words: str) -> None:
    """They have one decimal."""
    assert words == human_size(size)


def num_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
