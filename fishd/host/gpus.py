"""Which of the machine's GPUs can be used.

A GPU that cannot be read is left out and reported, never fatal: the daemon goes on with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fishd.core.sizing.model import Gpu
from fishd.host.nvml import GpuFault, GpuReading, Nvml

_GIB = 2**30


@dataclass(frozen=True, slots=True)
class DetectedGpus:
    """The usable GPUs, and remarks on the others, or on why there are none.

    `is_blind`: NVML itself does not answer, so that it is unknown whether there are GPUs.
    """

    gpus: tuple[Gpu, ...]
    remarks: tuple[str, ...] = ()
    is_blind: bool = field(default=False, compare=False)


def detect_gpus(nvml: Nvml, environ: Mapping[str, str], our_pids: Collection[int] = ()) -> DetectedGpus:
    """The GPUs that NVML finds and CUDA_VISIBLE_DEVICES allows, numbered as by nvidia-smi.

    `our_pids` are our workers' processes: the memory that they hold counts as available to us. The instances
    of a split GPU are GPUs of their own: the first has the GPU's number, the others follow after all GPUs.
    """
    try:
        num_gpus = nvml.count()
    except GpuFault as fault:
        return DetectedGpus((), (str(fault),), is_blind=True)
    gpus: list[Gpu] = []
    remarks: list[str] = []
    next_free = num_gpus
    for index in range(num_gpus):
        try:
            reading = nvml.read(index)
        except GpuFault as fault:
            remarks.append(f"GPU {index} is left out: {fault}")
            continue
        parts = reading.instances or (reading,)
        numbers = (index, *range(next_free, next_free + len(parts) - 1))
        next_free += len(parts) - 1
        gpus += [_gpu(number, part, our_pids) for number, part in zip(numbers, parts, strict=True)]
    visible = environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        gpus, hidden = _only_visible(gpus, visible)
        remarks += hidden
    return DetectedGpus(tuple(gpus), tuple(remarks))


def mps_runs(environ: Mapping[str, str], exists: Callable[[Path], bool] = Path.exists) -> bool:
    """Whether CUDA's multi-process service is running, by the pipe of its control daemon."""
    folder = environ.get("CUDA_MPS_PIPE_DIRECTORY") or "/tmp/nvidia-mps"  # noqa: S108 - NVIDIA's choice
    return exists(Path(folder, "control"))


def _gpu(index: int, reading: GpuReading, our_pids: Collection[int]) -> Gpu:
    return Gpu(
        index=index,
        name=reading.name,
        total_gb=reading.total_bytes / _GIB,
        free_gb=reading.free_bytes / _GIB,
        uuid=reading.uuid,
        ours_gb=sum(held for pid, held in reading.held_bytes.items() if pid in our_pids) / _GIB,
    )


def _only_visible(gpus: list[Gpu], visible: str) -> tuple[list[Gpu], list[str]]:
    """The GPUs named by CUDA_VISIBLE_DEVICES, by number or by the beginning of a UUID, and remarks.

    As in CUDA, the first name that matches no GPU ends the list. Numbers are those of nvidia-smi.
    """
    chosen: list[Gpu] = []
    for name in filter(None, (word.strip() for word in visible.split(","))):
        matches = [gpu for gpu in gpus if _is_named(gpu, name)]
        if len(matches) != 1 or matches[0] in chosen:
            why = "matches no GPU" if not matches else "matches a GPU twice, or several"
            return chosen, [
                f'CUDA_VISIBLE_DEVICES is "{visible}": "{name}" {why}; it and what follows is not used'
            ]
        chosen += matches
    return chosen, [] if chosen else [f'CUDA_VISIBLE_DEVICES is "{visible}": it hides every GPU']


def _is_named(gpu: Gpu, name: str) -> bool:
    return name == str(gpu.index) or (name.startswith(("GPU-", "MIG-")) and gpu.uuid.startswith(name))
