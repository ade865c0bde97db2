"""Read the machine's GPUs from NVML.

`Nvml` is the small protocol that tests implement; `NvmlLibrary` is the real one. A read takes milliseconds,
but a broken driver can block a call for long: call it from a thread.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU as NVML reports it. `held_bytes` is GPU memory by process, where known (in containers it often
    is not); `instances` are the MIG instances of a split GPU, which is then not usable as a whole.
    """

    name: str
    uuid: str
    total_bytes: int
    free_bytes: int
    held_bytes: Mapping[int, int] = field(default_factory=dict[int, int])
    instances: tuple[GpuReading, ...] = ()


class GpuFault(Exception):  # noqa: N818 - named like the other faults
    """NVML, or one GPU, cannot be read; the message says why."""


class Nvml(Protocol):
    """Raises GpuFault: from `count` when there is no NVML, from `read` when that GPU cannot be read."""

    def count(self) -> int: ...

    def read(self, index: int) -> GpuReading: ...


class NvmlLibrary:
    """The real NVML, by nvidia-ml-py. Opened at the first call, and again after a failure."""

    def __init__(self, load: Callable[[], Any] = lambda: importlib.import_module("pynvml")) -> None:
        self._load = load
        self._nvml: Any = None  # the opened module; changed by `_opened` and `count` only

    def count(self) -> int:
        nvml = self._opened()
        try:
            return int(nvml.nvmlDeviceGetCount())
        except nvml.NVMLError as error:
            self._nvml = None  # the driver went away: the next call opens it again
            raise GpuFault(f"NVML cannot count the GPUs: {error}") from error

    def read(self, index: int) -> GpuReading:
        nvml = self._opened()
        try:
            gpu = nvml.nvmlDeviceGetHandleByIndex(index)
            if not _is_split(nvml, gpu):
                return _read(nvml, gpu)
            instances = tuple(_read(nvml, instance) for instance in _instances(nvml, gpu))
        except nvml.NVMLError as error:
            raise GpuFault(f"{error}; for details: `nvidia-smi`, `dmesg | grep -i nvrm`") from error
        if not instances:
            raise GpuFault("MIG is on, but there is no instance; create one with `nvidia-smi mig -cgi … -C`")
        return _read(nvml, gpu, instances)

    def _opened(self) -> Any:
        if self._nvml is None:
            try:
                nvml = self._load()
            except ImportError as error:
                raise GpuFault(f"NVML cannot be loaded ({error}); `pip install nvidia-ml-py`") from error
            try:
                nvml.nvmlInit()
            except nvml.NVMLError as error:
                raise GpuFault(
                    f"NVML does not start: {error}; a machine with an NVIDIA card needs its driver"
                ) from error
            self._nvml = nvml
        return self._nvml


def _is_split(nvml: Any, gpu: Any) -> bool:
    """Whether MIG is on; a GPU without MIG answers with an error."""
    try:
        current, _pending = nvml.nvmlDeviceGetMigMode(gpu)
    except nvml.NVMLError:
        return False
    return bool(current)


def _instances(nvml: Any, gpu: Any) -> Iterator[Any]:
    """The handles of a split GPU's instances."""
    for slot in range(nvml.nvmlDeviceGetMaxMigDeviceCount(gpu)):
        try:
            yield nvml.nvmlDeviceGetMigDeviceHandleByIndex(gpu, slot)
        except nvml.NVMLError_NotFound:  # an empty slot
            continue


def _read(nvml: Any, handle: Any, instances: tuple[GpuReading, ...] = ()) -> GpuReading:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return GpuReading(
        name=nvml.nvmlDeviceGetName(handle),
        uuid=nvml.nvmlDeviceGetUUID(handle),
        total_bytes=int(memory.total),
        free_bytes=int(memory.free),
        held_bytes=_held_bytes(nvml, handle),
        instances=instances,
    )


def _held_bytes(nvml: Any, handle: Any) -> dict[int, int]:
    try:
        processes = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
    except nvml.NVMLError:  # some drivers do not know it for MIG instances
        return {}
    return {int(process.pid): int(process.usedGpuMemory or 0) for process in processes}
