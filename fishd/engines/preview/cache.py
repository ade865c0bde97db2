"""A cache of computed profiles, in memory and, if there is a folder, on disk. It may be deleted at any time.

On disk an entry is one .npz file, named by a hash of its key and of the software that computed it. It is
written under another name and renamed, so that workers may share the folder. A file that cannot be read is
computed again.
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

FORMAT = 1  # increase whenever the cached dataclasses, or how they are computed, change
MAX_IN_MEMORY = 32
MAX_ON_DISK = 500
PREFIX = "preview-"

Value = typing.TypeVar("Value")


class Cache:
    """Frozen dataclasses of numbers, strings, arrays and such dataclasses, by key."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._memory: OrderedDict[str, object] = OrderedDict()  # least recently used first
        self._software = f"{FORMAT} hibari {version('hibari-tts')}"

    def get(self, kind: type[Value], key: str, compute: Callable[[], Value]) -> Value:
        """The value of this type cached under `key`, computed now if there is none."""
        name = self._name(kind, key)
        found = self._memory.get(name) or self._read(kind, name)
        if found is None:
            found = compute()
            self._write(found, name)
        self._memory[name] = found
        self._memory.move_to_end(name)
        if len(self._memory) > MAX_IN_MEMORY:
            self._memory.popitem(last=False)
        return typing.cast(Value, found)

    def _name(self, kind: type, key: str) -> str:
        digest = hashlib.sha256(f"{self._software}\n{kind.__name__}\n{key}".encode()).hexdigest()
        return f"{PREFIX}{kind.__name__.lower()}-{digest[:32]}.npz"

    def _read(self, kind: type[Value], name: str) -> Value | None:
        if self._folder is None:
            return None
        try:
            with (self._folder / name).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return _unpack(kind, dict(arrays), "")
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def _write(self, value: object, name: str) -> None:
        """Best effort: a full disk costs time later, not the take."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(prefix=f".{PREFIX}", suffix=".part", dir=self._folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    np.savez(file, **_pack(value, ""))  # type: ignore[arg-type]
                Path(part).replace(self._folder / name)
            finally:
                Path(part).unlink(missing_ok=True)
            self._prune()

    def _prune(self) -> None:
        """Delete all but the newest files."""
        assert self._folder is not None
        files = sorted(self._folder.glob(f"{PREFIX}*.npz"), key=lambda file: file.stat().st_mtime)
        for file in files[:-MAX_ON_DISK]:
            file.unlink(missing_ok=True)


def _pack(record: object, prefix: str) -> dict[str, NDArray[np.generic]]:
    """A dataclass as arrays by dotted name."""
    packed = dict[str, NDArray[np.generic]]()
    for field in dataclasses.fields(record):  # type: ignore[arg-type]
        value = getattr(record, field.name)
        if dataclasses.is_dataclass(value):
            packed |= _pack(value, f"{prefix}{field.name}.")
        else:
            packed[prefix + field.name] = np.asarray(value)
    return packed


def _unpack(kind: type[Value], packed: dict[str, NDArray[np.generic]], prefix: str) -> Value:
    """The inverse of `_pack`; KeyError if a field is missing."""
    values = dict[str, object]()
    for name, field_kind in typing.get_type_hints(kind).items():
        if dataclasses.is_dataclass(field_kind):
            values[name] = _unpack(typing.cast(type, field_kind), packed, f"{prefix}{name}.")
        else:
            value = packed[prefix + name]
            values[name] = value.item() if value.ndim == 0 else value
    return kind(**values)
