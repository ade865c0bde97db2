"""Real file systems with real faults: a small tmpfs, an ext4 in a file.

A test is skipped, with the reason, where they cannot be mounted.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

EXT4_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN of <linux/ext4.h>
NO_LOG_FLUSH = 2


@contextmanager
def mounted(at: Path, *arguments: str) -> Iterator[Path]:
    """`mount ARGUMENTS at`; unmounted at the end, even if in use."""
    at.mkdir(parents=True, exist_ok=True)
    command(["mount", *arguments, str(at)])
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=False, capture_output=True)


def tmpfs(at: Path, options: str) -> AbstractContextManager[Path]:
    """A tmpfs with options such as `size=4M`."""
    return mounted(at, "-t", "tmpfs", "-o", options, "tmpfs")


def remount(at: Path, option: str) -> bool:
    """Whether it succeeded; it fails while a file is open for writing."""
    ended = subprocess.run(["mount", "-o", f"remount,{option}", str(at)], check=False, capture_output=True)
    return ended.returncode == 0


def ext4_image(path: Path) -> Path:
    """A file with an empty file system of 32 MiB."""
    with path.open("wb") as file:
        file.truncate(32 << 20)
    command(["mkfs.ext4", "-q", str(path)])
    return path


def cut_power(mount: Path) -> None:
    """Shut the ext4 down: from now on every write, sync and rename fails with EIO."""
    fd = os.open(mount, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, EXT4_SHUTDOWN, NO_LOG_FLUSH.to_bytes(4, "little"))
    finally:
        os.close(fd)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """A context in which the folder's disk has no free byte."""
    filler = folder / ".filler.part"
    with filler.open("wb", buffering=0) as file:
        for block in (bytes(1 << 16), bytes(1 << 12), b"x"):
            with suppress(OSError):
                while True:
                    file.write(block)
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def without_inodes(folder: Path) -> Iterator[None]:
    """A context in which no file can be created on the folder's disk."""
    created: list[Path] = []
    with suppress(OSError):
        for number in range(100_000):
            path = folder / f".{number}.part"
            path.touch()
            created.append(path)
    try:
        yield
    finally:
        for path in created:
            path.unlink()


def command(arguments: list[str]) -> None:
    """Run a command; skip the test if this machine lacks it or does not permit it."""
    if shutil.which(arguments[0]) is None:
        pytest.skip(f"{arguments[0]} is not installed")
    ended = subprocess.run(arguments, check=False, capture_output=True, text=True)
    if ended.returncode != 0:
        pytest.skip(f"{' '.join(arguments)}: {ended.stderr.strip()}")
