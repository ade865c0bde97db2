"""What was learned, kept: in memory, and on disk if there is a folder. A cache may always be thrown away.

On disk an entry is one .npz file, named by a hash of what it was learned from and of what learned it,
written beside its place and renamed into it, so that workers may share the folder. A file that cannot be
read is learned anew.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import tempfile
import typing
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FORMAT = 1  # add one whenever what is learned, or how, changes
MOST_IN_MEMORY = 32
MOST_ON_DISK = 500
PREFIX = "preview-"

Learned = typing.TypeVar("Learned")


class Cache:
    """Frozen dataclasses of numbers, arrays and the like, by key. `folder` may be None."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._memory: OrderedDict[str, object] = OrderedDict()  # the latest used last
        self._learner = f"{FORMAT} hibari {version('hibari-tts')}"

    def get(self, kind: type[Learned], key: str, learn: Callable[[], Learned]) -> Learned:
        """What was learned under `key`, or else what `learn` learns now."""
        name = self._name(kind, key)
        found = self._memory.get(name) or self._read(kind, name)
        if found is None:
            found = learn()
            self._write(found, name)
        self._memory[name] = found
        self._memory.move_to_end(name)
        if len(self._memory) > MOST_IN_MEMORY:
            self._memory.popitem(last=False)
        return typing.cast(Learned, found)

    def _name(self, kind: type, key: str) -> str:
        digest = hashlib.sha256(f"{self._learner}\n{kind.__name__}\n{key}".encode()).hexdigest()
        return f"{PREFIX}{kind.__name__.lower()}-{digest[:32]}.npz"

    def _read(self, kind: type[Learned], name: str) -> Learned | None:
        if self._folder is None:
            return None
        try:
            with (self._folder / name).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return _unpack(kind, dict(arrays), "")
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def _write(self, learned: object, name: str) -> None:
        """Best effort: a full disk costs time later, not the take."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(prefix=f".{PREFIX}", suffix=".part", dir=self._folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    np.savez(file, **_pack(learned, ""))  # type: ignore[arg-type]
                Path(part).replace(self._folder / name)
            finally:
                Path(part).unlink(missing_ok=True)
            self._prune()

    def _prune(self) -> None:
        """Keep the newest files only."""
        assert self._folder is not None
        files = sorted(self._folder.glob(f"{PREFIX}*.npz"), key=lambda file: file.stat().st_mtime)
        for file in files[:-MOST_ON_DISK]:
            file.unlink(missing_ok=True)


def _pack(learned: object, at: str) -> dict[str, NDArray[np.generic]]:
    """A dataclass as arrays by dotted name."""
    packed = dict[str, NDArray[np.generic]]()
    for field in dataclasses.fields(learned):  # type: ignore[arg-type]
        value = getattr(learned, field.name)
        if dataclasses.is_dataclass(value):
            packed |= _pack(value, f"{at}{field.name}.")
        else:
            packed[at + field.name] = np.asarray(value)
    return packed


def _unpack(kind: type[Learned], packed: dict[str, NDArray[np.generic]], at: str) -> Learned:
    """The inverse of `_pack`; KeyError if a field is missing."""
    values = dict[str, object]()
    for name, field_kind in typing.get_type_hints(kind).items():
        if dataclasses.is_dataclass(field_kind):
            values[name] = _unpack(typing.cast(type, field_kind), packed, f"{at}{name}.")
        else:
            value = packed[at + name]
            values[name] = value.item() if value.ndim == 0 else value
    return kind(**values)
