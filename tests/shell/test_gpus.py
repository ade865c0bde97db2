"""Detection of GPUs, with a fake NVML."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fishd.host.gpus import DetectedGpus, detect_gpus, mps_runs
from fishd.host.nvml import GpuFault, GpuReading

GIB = 2**30


def make_gpu(
    name: str = "NVIDIA GeForce RTX 4090", uuid: str = "GPU-aaaa1111", free_gb: float = 23.5, **more
) -> GpuReading:
    return GpuReading(name, uuid, 24 * GIB, int(free_gb * GIB), **more)


@dataclass
class FakeNvml:
    """Reads GPUs from a list, in which a string is a fault."""

    gpus: list[GpuReading | str] = field(default_factory=list)
    fault: str = ""

    def count(self) -> int:
        if self.fault:
            raise GpuFault(self.fault)
        return len(self.gpus)

    def read(self, index: int) -> GpuReading:
        gpu = self.gpus[index]
        if isinstance(gpu, str):
            raise GpuFault(gpu)
        return gpu


TWO = FakeNvml([make_gpu(uuid="GPU-aaaa1111"), make_gpu(uuid="GPU-bbbb2222")])


def indices(detected: DetectedGpus) -> list[int]:
    return [gpu.index for gpu in detected.gpus]


def test_a_gpus_memory_is_in_gib() -> None:
    """NVML reports bytes."""
    (gpu,) = detect_gpus(FakeNvml([make_gpu()]), {}).gpus

    assert (0, "NVIDIA GeForce RTX 4090", 24.0, 23.5, "GPU-aaaa1111") == (
        gpu.index,
        gpu.name,
        gpu.total_gb,
        gpu.free_gb,
        gpu.uuid,
    )


def test_without_nvml_there_are_no_gpus_and_a_reason() -> None:
    """The reason is logged; it is not an error."""
    assert DetectedGpus((), ("NVML does not answer",)) == detect_gpus(
        FakeNvml(fault="NVML does not answer"), {}
    )


def test_a_lost_gpu_is_left_out_and_reported() -> None:
    """The others are used."""
    detected = detect_gpus(FakeNvml([make_gpu(), "GPU is lost", make_gpu(uuid="GPU-cccc")]), {})

    assert [0, 2] == indices(detected)
    assert ("GPU 1 is left out: GPU is lost",) == detected.remarks


def test_visible_devices_can_be_numbers() -> None:
    """GPUs keep their own numbers."""
    assert [1] == indices(detect_gpus(TWO, {"CUDA_VISIBLE_DEVICES": "1"}))


def test_visible_devices_can_be_prefixes_of_uuids_and_give_the_order() -> None:
    """CUDA does the same."""
    assert [1, 0] == indices(detect_gpus(TWO, {"CUDA_VISIBLE_DEVICES": "GPU-bbbb, GPU-aaaa1111"}))


def test_an_invalid_visible_device_ends_the_list() -> None:
    """CUDA does not use the devices after it either; this is logged."""
    detected = detect_gpus(TWO, {"CUDA_VISIBLE_DEVICES": "0,7,1"})

    assert [0] == indices(detected)
    assert (
        'CUDA_VISIBLE_DEVICES is "0,7,1": "7" matches no GPU; it and what follows is not used',
    ) == detected.remarks


def test_a_prefix_that_matches_two_gpus_is_invalid() -> None:
    """An ambiguous prefix selects none."""
    assert [] == indices(detect_gpus(TWO, {"CUDA_VISIBLE_DEVICES": "GPU-"}))


def test_empty_visible_devices_hide_every_gpu() -> None:
    """This is reported."""
    assert DetectedGpus((), ('CUDA_VISIBLE_DEVICES is "": it hides every GPU',)) == detect_gpus(
        TWO, {"CUDA_VISIBLE_DEVICES": ""}
    )


def test_the_instances_of_a_mig_gpu_are_used_instead_of_it() -> None:
    """CUDA finds each by its UUID."""
    parts = tuple(GpuReading(f"A100 MIG 3g.20gb {n}", f"MIG-{n}", 20 * GIB, 19 * GIB) for n in range(2))
    detected = detect_gpus(FakeNvml([make_gpu(instances=parts), make_gpu(uuid="GPU-plain")]), {})

    assert [(0, "MIG-0"), (2, "MIG-1"), (1, "GPU-plain")] == [(gpu.index, gpu.uuid) for gpu in detected.gpus]


def test_visible_devices_can_be_uuids_of_mig_instances() -> None:
    parts = tuple(GpuReading("A100 MIG 3g.20gb", f"MIG-{n}", 20 * GIB, 19 * GIB) for n in range(2))
    detected = detect_gpus(FakeNvml([make_gpu(instances=parts)]), {"CUDA_VISIBLE_DEVICES": "MIG-1"})

    assert ["MIG-1"] == [gpu.uuid for gpu in detected.gpus]


def test_the_memory_of_our_own_workers_is_counted_separately() -> None:
    """A resize can use it, unlike that of other processes."""
    gpu = make_gpu(free_gb=4, held_bytes={10: 8 * GIB, 11: 8 * GIB, 99: 4 * GIB})
    (gpu,) = detect_gpus(FakeNvml([gpu]), {}, our_pids={10, 11}).gpus

    assert 16.0 == gpu.ours_gb


def test_mps_is_detected_by_its_control_pipe() -> None:
    """It is in the default folder, or in that of CUDA_MPS_PIPE_DIRECTORY."""
    checked: list[Path] = []

    assert mps_runs({}, lambda path: not checked.append(path))
    assert not mps_runs({"CUDA_MPS_PIPE_DIRECTORY": "/run/mps"}, lambda path: bool(checked.append(path)))
    assert [Path("/tmp/nvidia-mps/control"), Path("/run/mps/control")] == checked
