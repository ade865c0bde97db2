"""The identity of a checkpoint: whether two machines have the same one, without reading gigabytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from fishd.core.model.hashes import content_hasher

_SAMPLES = 16  # of each file, evenly spread: two checkpoints of equal sizes differ in their weights
_SAMPLE_BYTES = 64 * 1024


def identity(folder: Path) -> str:
    """A hash of the names, sizes and samples of all files; "" if there is no such folder or no file in it.

    Raises OSError if it cannot be read.
    """
    hasher, files = content_hasher(), sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        size_bytes = path.stat().st_size
        hasher.update(f"{path.relative_to(folder)}\0{size_bytes}\0".encode())
        with path.open("rb") as file:
            for offset in _offsets(size_bytes):
                hasher.update(os.pread(file.fileno(), _SAMPLE_BYTES, offset))
    return hasher.hexdigest() if files else ""


def _offsets(size_bytes: int) -> Iterator[int]:
    last = max(0, size_bytes - _SAMPLE_BYTES)
    for n in range(_SAMPLES):
        yield last * n // (_SAMPLES - 1)
