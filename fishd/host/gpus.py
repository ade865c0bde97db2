"""What NVML says of the machine's cards, and which of them are ours to use.

`Nvml` is the one small object that tests replace; `NvmlLibrary` is the real one. A card that cannot be
read is left out and said, never fatal: the daemon goes on with what is left. Reading takes milliseconds,
but a sick driver can hold a call for long: call from a thread.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fishd.core.sizing.model import Gpu

_GIB = 2**30


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU as NVML says it. `held_bytes` is GPU memory by process, where NVML tells (in containers it
    often does not); `instances` are the parts of a GPU that MIG has split, which is then not usable whole.
    """

    name: str
    uuid: str
    total_bytes: int
    free_bytes: int
    held_bytes: Mapping[int, int] = field(default_factory=dict[int, int])
    instances: tuple[GpuReading, ...] = ()


class GpuFault(Exception):  # noqa: N818 - the machine's fault, in words
    """NVML, or one GPU, cannot be read; the message says why."""


class Nvml(Protocol):
    """Raises GpuFault: from `count` when there is no NVML, from `read` when that GPU cannot be read."""

    def count(self) -> int: ...

    def read(self, index: int) -> GpuReading: ...


@dataclass(frozen=True, slots=True)
class DetectedGpus:
    """The cards that can be used, and what there is to say about the others, or why there are none.

    `is_blind`: NVML itself does not answer; whether there are cards is not known.
    """

    gpus: tuple[Gpu, ...]
    remarks: tuple[str, ...] = ()
    is_blind: bool = field(default=False, compare=False)


def detect_gpus(nvml: Nvml, environ: Mapping[str, str], our_pids: Collection[int] = ()) -> DetectedGpus:
    """The cards that NVML shows and CUDA_VISIBLE_DEVICES allows, numbered as nvidia-smi does.

    `our_pids` are our workers' processes: what they hold of a card counts as room for us. The instances of
    a split GPU are cards of their own: the first has the GPU's number, the others follow after all GPUs.
    """
    try:
        num_gpus = nvml.count()
    except GpuFault as fault:
        return DetectedGpus((), (str(fault),), is_blind=True)
    cards: list[Gpu] = []
    remarks: list[str] = []
    spare = num_gpus
    for index in range(num_gpus):
        try:
            reading = nvml.read(index)
        except GpuFault as fault:
            remarks.append(f"GPU {index} is left out: {fault}")
            continue
        parts = reading.instances or (reading,)
        numbers = (index, *range(spare, spare + len(parts) - 1))
        spare += len(parts) - 1
        cards += [_card(number, part, our_pids) for number, part in zip(numbers, parts, strict=True)]
    visible = environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        cards, hidden = _only_visible(cards, visible)
        remarks += hidden
    return DetectedGpus(tuple(cards), tuple(remarks))


def mps_runs(environ: Mapping[str, str], exists: Callable[[Path], bool] = Path.exists) -> bool:
    """Whether CUDA's multi-process service listens, by the pipe that its control daemon makes."""
    folder = environ.get("CUDA_MPS_PIPE_DIRECTORY") or "/tmp/nvidia-mps"  # noqa: S108 - NVIDIA's choice
    folder = environ.get("CUDA_MPS_PIPE_DIRECTORY") or "/tmp/nvidia-mps"  # noqa: S108 - NVIDIA's choice
    return exists(Path(folder, "control"))


class NvmlLibrary:
    """The real NVML, by nvidia-ml-py. Opened at the first call, and again after it failed."""

    def __init__(self, load: Callable[[], Any] = lambda: importlib.import_module("pynvml")) -> None:
        self._load = load
        self._nvml: Any = None  # the opened module; changed by `_opened` and `count` only

    def count(self) -> int:
        nvml = self._opened()
        try:
            return int(nvml.nvmlDeviceGetCount())
        except nvml.NVMLError as error:
            self._nvml = None  # the driver went away: the next call opens it anew
            raise GpuFault(f"NVML cannot count the GPUs: {error}") from error

    def read(self, index: int) -> GpuReading:
        nvml = self._opened()
        try:
            gpu = nvml.nvmlDeviceGetHandleByIndex(index)
            if not _is_split(nvml, gpu):
                return _read(nvml, gpu)
            instances = tuple(_read(nvml, part) for part in _instances(nvml, gpu))
        except nvml.NVMLError as error:
            raise GpuFault(f"{error}; `nvidia-smi` and `dmesg | grep -i nvrm` say more") from error
        if not instances:
            raise GpuFault("MIG is on, but there is no instance; `nvidia-smi mig -cgi … -C` makes one")
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


def _card(index: int, reading: GpuReading, our_pids: Collection[int]) -> Gpu:
    return Gpu(
        index=index,
        name=reading.name,
        total_gb=reading.total_bytes / _GIB,
        free_gb=reading.free_bytes / _GIB,
        uuid=reading.uuid,
        ours_gb=sum(held for pid, held in reading.held_bytes.items() if pid in our_pids) / _GIB,
    )


def _only_visible(cards: list[Gpu], visible: str) -> tuple[list[Gpu], list[str]]:
    """The cards named by CUDA_VISIBLE_DEVICES, by number or by the beginning of a UUID.

    As CUDA does it: the first name that fits no card ends the list. Numbers are those of nvidia-smi.
    """
    kept: list[Gpu] = []
    for name in filter(None, (word.strip() for word in visible.split(","))):
        named = [card for card in cards if _is_named(card, name)]
        if len(named) != 1 or named[0] in kept:
            why = "names no card here" if not named else "names a card twice, or more than one"
            return kept, [
                f'CUDA_VISIBLE_DEVICES is "{visible}": "{name}" {why}; it and what follows is not used'
            ]
        kept += named
    return kept, [] if kept else [f'CUDA_VISIBLE_DEVICES is "{visible}": it hides every GPU']


def _is_named(card: Gpu, name: str) -> bool:
    return name == str(card.index) or (name.startswith(("GPU-", "MIG-")) and card.uuid.startswith(name))


def _is_split(nvml: Any, gpu: Any) -> bool:
    """Whether MIG is on; cards that know no MIG answer with an error."""
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
        held_bytes=_held(nvml, handle),
        instances=instances,
    )


def _held(nvml: Any, handle: Any) -> dict[int, int]:
    try:
        processes = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
    except nvml.NVMLError:  # not told for MIG instances by some drivers
        return {}
    return {int(process.pid): int(process.usedGpuMemory or 0) for process in processes}
