"""Reads the float tensors of a checkpoint that torch 1.0 saved, without torch and without running its code.

The file is a row of pickles (magic number, protocol, system, the object, the storages' keys) and then each
storage's length and bytes. Tensors refer to storages by key.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
_MAGIC = 0x1950A86A20F9469CFC6C
_LENGTH = struct.Struct("<q")


@dataclass(frozen=True, slots=True)
class _Tensor:
    storage: str
    offset: int
    shape: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    """Knows tensors of floats and ordered dictionaries, and nothing else."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        known: dict[tuple[str, str], Callable[..., object] | str] = {
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
            ("torch", "FloatStorage"): "float32",
            ("collections", "OrderedDict"): OrderedDict,
        }
        if (module_name, global_name) not in known:
            raise pickle.UnpicklingError(f"it holds a {module_name}.{global_name}")
        return known[module_name, global_name]

    def persistent_load(self, pid: Any) -> str:
        return str(pid[2])


def _rebuild(storage: str, offset: int, shape: tuple[int, ...], *_: object) -> _Tensor:
    return _Tensor(storage, offset, shape)


def read_tensors(path: Path, part: str) -> Mapping[str, Array]:
    """The tensors of `checkpoint[part]`. Raises OSError, and ValueError for another kind of file."""
    file = io.BytesIO(path.read_bytes())
    try:
        if _load(file) != _MAGIC:
            raise ValueError(f"{path}: is no checkpoint of torch 1.0")
        _load(file)  # the protocol
        _load(file)  # the system that wrote it
        checkpoint = cast("dict[str, dict[str, _Tensor]]", _load(file))
        storages = {key: _read_storage(file) for key in cast("list[str]", _load(file))}
    except (pickle.UnpicklingError, struct.error, EOFError) as error:
        raise ValueError(f"{path}: is no checkpoint of torch 1.0: {error}") from error
    return {name: _view(tensor, storages[tensor.storage]) for name, tensor in checkpoint[part].items()}


def _load(file: io.BytesIO) -> object:
    return _Unpickler(file).load()


def _read_storage(file: io.BytesIO) -> Array:
    (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
    return np.frombuffer(file.read(4 * length), np.float32)


def _view(tensor: _Tensor, storage: Array) -> Array:
    size = int(np.prod(tensor.shape, dtype=np.int64))
    return storage[tensor.offset : tensor.offset + size].reshape(tensor.shape)
