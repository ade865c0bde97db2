"""NvmlLibrary with a fake pynvml module."""

# ruff: noqa: N802, N818 - the names are NVML's

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fishd.host.nvml import GpuFault, GpuReading, NvmlLibrary


class NVMLError(Exception):
    pass


class NVMLErrorNotFound(NVMLError):
    pass


class FakePynvml:
    """One GPU, with these MIG instances; the calls named in `broken` fail."""

    NVMLError = NVMLError
    NVMLError_NotFound = NVMLErrorNotFound

    def __init__(self, broken: tuple[str, ...] = (), parts: dict[int, str] | None = None) -> None:
        self.broken = broken
        self.parts = parts
        self.num_inits = 0

    def _check(self, call: str) -> None:
        if call in self.broken:
            raise NVMLError(f"{call} failed")

    def nvmlInit(self) -> None:
        self.num_inits += 1
        self._check("init")

    def nvmlDeviceGetCount(self) -> int:
        self._check("count")
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        self._check("handle")
        return f"gpu{index}"

    def nvmlDeviceGetMigMode(self, handle: str) -> list[int]:
        self._check("mig")
        return [0, 0] if self.parts is None else [1, 1]

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: str) -> int:
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: str, slot: int) -> str:
        if slot not in self.parts:
            raise NVMLErrorNotFound
        return self.parts[slot]

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> SimpleNamespace:
        self._check("memory")
        return SimpleNamespace(total=100, free=60)

    def nvmlDeviceGetName(self, handle: str) -> str:
        return f"name of {handle}"

    def nvmlDeviceGetUUID(self, handle: str) -> str:
        return f"uuid of {handle}"

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[SimpleNamespace]:
        self._check("processes")
        return [SimpleNamespace(pid=7, usedGpuMemory=40), SimpleNamespace(pid=8, usedGpuMemory=None)]


def library(**fake) -> NvmlLibrary:
    return NvmlLibrary(lambda: FakePynvml(**fake))


def test_a_reading_has_the_values_of_the_library() -> None:
    """They are name, UUID, memory, and that of each process; unknown memory counts as 0."""
    assert GpuReading("name of gpu0", "uuid of gpu0", 100, 60, {7: 40, 8: 0}) == library().read(0)


def test_a_missing_module_is_a_fault_that_names_its_package() -> None:

    def missing() -> None:
        raise ImportError("No module named 'pynvml'")

    with pytest.raises(GpuFault, match="pip install nvidia-ml-py"):
        NvmlLibrary(missing).count()


def test_a_missing_driver_is_a_fault() -> None:
    """nvmlInit fails without it."""
    with pytest.raises(
        GpuFault, match="NVML does not start: init failed; a machine with an NVIDIA card needs its driver"
    ):
        library(broken=("init",)).count()


def test_after_a_failure_nvml_is_initialised_again() -> None:
    """A reloaded driver is then found."""
    fake = FakePynvml(broken=("count",))
    nvml = NvmlLibrary(lambda: fake)
    with pytest.raises(GpuFault, match="cannot count the GPUs"):
        nvml.count()
    fake.broken = ()

    assert (1, 2) == (nvml.count(), fake.num_inits)


@pytest.mark.parametrize("call", ["handle", "memory"])
def test_a_gpu_that_cannot_be_read_is_a_fault(call: str) -> None:
    """It may be lost; the message names `nvidia-smi`."""
    with pytest.raises(GpuFault, match=f"{call} failed; for details: `nvidia-smi`"):
        library(broken=(call,)).read(0)


def test_a_gpu_is_read_although_its_mig_mode_and_processes_are_unknown() -> None:
    """Old GPUs have no MIG, and some drivers do not report processes."""
    assert GpuReading("name of gpu0", "uuid of gpu0", 100, 60) == library(broken=("mig", "processes")).read(0)


def test_mig_instances_are_read_and_empty_slots_skipped() -> None:
    """The slots may be filled in any order."""
    reading = library(parts={0: "part0", 4: "part4"}).read(0)

    assert ["uuid of part0", "uuid of part4"] == [part.uuid for part in reading.instances]


def test_a_gpu_with_mig_but_without_instances_is_a_fault() -> None:
    """CUDA cannot use it."""
    with pytest.raises(GpuFault, match="MIG is on, but there is no instance"):
        library(parts={}).read(0)
