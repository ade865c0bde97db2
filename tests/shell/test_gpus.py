"""Which GPUs are detected, with an NVML that reports what a test wants."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fishd.host.gpus import DetectedGpus, detect_gpus, mps_runs
from fishd.host.nvml import GpuFault, GpuReading

GIB = 2**30


def a_gpu(
    name: str = "NVIDIA GeForce RTX 4090", uuid: str = "GPU-aaaa1111", free_gb: float = 23.5, **more
) -> GpuReading:
    return GpuReading(name, uuid, 24 * GIB, int(free_gb * GIB), **more)


@dataclass
class FakeNvml:
    """Answers from a list; a string in it is a fault."""

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


TWO = FakeNvml([a_gpu(uuid="GPU-aaaa1111"), a_gpu(uuid="GPU-bbbb2222")])


def indices(found: DetectedGpus) -> list[int]:
    return [card.index for card in found.gpus]


def test_a_gpus_memory_is_in_gib() -> None:
    """Total and free memory come in GiB, with name and UUID."""
    (card,) = detect_gpus(FakeNvml([a_gpu()]), {}).gpus

    assert (0, "NVIDIA GeForce RTX 4090", 24.0, 23.5, "GPU-aaaa1111") == (
        card.index,
        card.name,
        card.total_gb,
        card.free_gb,
        card.uuid,
    )


def test_without_nvml_there_are_no_gpus_and_a_reason() -> None:
    """A machine without the driver is no error, but its log says why there is no GPU."""
    assert DetectedGpus((), ("NVML does not answer",)) == detect_gpus(
        FakeNvml(fault="NVML does not answer"), {}
    )


def test_a_gpu_off_the_bus_is_left_out_and_reported() -> None:
    """The others are used."""
    found = detect_gpus(FakeNvml([a_gpu(), "GPU is lost", a_gpu(uuid="GPU-cccc")]), {})

    assert [0, 2] == indices(found)
    assert ("GPU 1 is left out: GPU is lost",) == found.remarks


def test_visible_devices_by_number() -> None:
    """CUDA_VISIBLE_DEVICES=1 leaves GPU 1, under its own number."""
    assert [1] == indices(detect_gpus(TWO, {"CUDA_VISIBLE_DEVICES": "1"}))


def test_visible_devices_by_the_beginning_of_a_uuid_in_the_order_given() -> None:
    """CUDA takes shortened UUIDs, and their order counts."""
    assert [1, 0] == indices(detect_gpus(TWO, {"CUDA_VISIBLE_DEVICES": "GPU-bbbb, GPU-aaaa1111"}))


def test_an_invalid_visible_device_ends_the_list() -> None:
    """As in CUDA, what follows a name that matches nothing is not used; the log says so."""
    found = detect_gpus(TWO, {"CUDA_VISIBLE_DEVICES": "0,7,1"})

    assert [0] == indices(found)
    assert (
        'CUDA_VISIBLE_DEVICES is "0,7,1": "7" matches no GPU; it and what follows is not used',
    ) == found.remarks


def test_a_uuid_that_matches_two_gpus_is_refused() -> None:
    """An ambiguous beginning does not pick one at random."""
    assert [] == indices(detect_gpus(TWO, {"CUDA_VISIBLE_DEVICES": "GPU-"}))


def test_empty_visible_devices_hide_every_gpu() -> None:
    """CUDA_VISIBLE_DEVICES="" means no GPU at all, and is reported."""
    assert DetectedGpus((), ('CUDA_VISIBLE_DEVICES is "": it hides every GPU',)) == detect_gpus(
        TWO, {"CUDA_VISIBLE_DEVICES": ""}
    )


def test_a_split_gpu_is_its_instances() -> None:
    """MIG: the whole GPU is not usable; each instance is a GPU that CUDA finds by its UUID."""
    parts = tuple(GpuReading(f"A100 MIG 3g.20gb {n}", f"MIG-{n}", 20 * GIB, 19 * GIB) for n in range(2))
    found = detect_gpus(FakeNvml([a_gpu(instances=parts), a_gpu(uuid="GPU-plain")]), {})

    assert [(0, "MIG-0"), (2, "MIG-1"), (1, "GPU-plain")] == [(card.index, card.uuid) for card in found.gpus]


def test_an_instance_can_be_chosen_by_uuid() -> None:
    """CUDA_VISIBLE_DEVICES may name a MIG instance."""
    parts = tuple(GpuReading("A100 MIG 3g.20gb", f"MIG-{n}", 20 * GIB, 19 * GIB) for n in range(2))
    found = detect_gpus(FakeNvml([a_gpu(instances=parts)]), {"CUDA_VISIBLE_DEVICES": "MIG-1"})

    assert ["MIG-1"] == [card.uuid for card in found.gpus]


def test_the_memory_of_our_workers_is_known_as_ours() -> None:
    """At a resize the memory of running workers is available, that of other processes is not."""
    gpu = a_gpu(free_gb=4, held_bytes={10: 8 * GIB, 11: 8 * GIB, 99: 4 * GIB})
    (card,) = detect_gpus(FakeNvml([gpu]), {}, our_pids={10, 11}).gpus

    assert 16.0 == card.ours_gb


def test_mps_is_detected_by_its_control_pipe() -> None:
    """The pipe's folder is the default one, or that of the environment."""
    asked: list[Path] = []

    assert mps_runs({}, lambda path: not asked.append(path))
    assert not mps_runs({"CUDA_MPS_PIPE_DIRECTORY": "/run/mps"}, lambda path: bool(asked.append(path)))
    assert [Path("/tmp/nvidia-mps/control"), Path("/run/mps/control")] == asked
