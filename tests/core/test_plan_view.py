"""`fishd plan`: described GPUs, the table and the advice."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from fishd.core.config.config import Config, EngineConfig, PoolConfig
from fishd.core.sizing.model import Gpu
from fishd.core.sizing.plan import plan_for, plan_workers
from fishd.view.plan import BadSpec, advice, parse_gpu_spec, parse_gpu_specs, print_plan


def shown(*specs: str, width: int = 80, **pool: object) -> list[str]:
    gpus = parse_gpu_specs(specs)
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_plan(console, plan_workers(gpus, PoolConfig(**pool), 8), gpus)
    return console.file.getvalue().splitlines()


def test_the_advice_for_a_server_is_about_requests() -> None:
    """The number of workers and their memory do not matter."""
    plan = plan_for(Config(engine=EngineConfig("openai")), [], 8)
    assert ["Each worker keeps engine.options.concurrency requests at the server: docs/servers.md."] == list(
        advice(plan)
    )


@pytest.mark.parametrize(
    ("spec", "name", "total_gb"),
    [
        ("RTX 4090:24", "RTX 4090", 24.0),
        (" RTX 4090 : 24 GB ", "RTX 4090", 24.0),
        ("H100:79.65", "H100", 79.65),
        ("A100: MIG:20g", "A100: MIG", 20.0),
    ],
)
def test_a_gpu_is_described_by_name_and_gigabytes(spec: str, name: str, total_gb: float) -> None:
    """All of its memory counts as free."""
    assert Gpu(0, name, total_gb, total_gb) == parse_gpu_spec(spec)


@pytest.mark.parametrize("spec", ["", "RTX 4090", "RTX 4090:", ":24", "24"])
def test_a_bad_description_is_refused_with_an_example(spec: str) -> None:
    """The message shows how to write one."""
    with pytest.raises(BadSpec, match='does not describe a GPU; write NAME:GB, such as "RTX 4090:24"'):
        parse_gpu_spec(spec)


@pytest.mark.parametrize("memory", ["abc", "0", "-3", "inf", "nan", "99999"])
def test_memory_that_is_no_number_of_gb_is_refused(memory: str) -> None:
    """The message quotes the memory as written."""
    with pytest.raises(BadSpec, match=f'"x:{memory}": its memory is "{memory}"; must be a number of GB'):
        parse_gpu_spec(f"x:{memory}")


def test_several_gpus_are_numbered_and_may_be_multiplied() -> None:
    """`--gpu "2x RTX 4090:24"` is two GPUs."""
    gpus = parse_gpu_specs(["2x RTX 4090:24", "RTX 3060:12"])

    assert [(0, "RTX 4090", 24.0), (1, "RTX 4090", 24.0), (2, "RTX 3060", 12.0)] == [
        (gpu.index, gpu.name, gpu.total_gb) for gpu in gpus
    ]


def test_the_plan_is_printed_as_lines_table_and_advice() -> None:
    """In 80 columns."""
    assert [
        "[GPU 0] RTX 4090, Total Memory: 24.00 GB",
        "[GPU 0] Can run 3 workers (Available: 21.60 GB)",
        "[Main] Using 3 parallel workers across 1 GPU(s)",
        "[Main] GPU 0: 3 workers",
        "",
        "Memory in GB, 6 for each worker",
        "  GPU                           Memory   Free   Usable   Workers   Planned use",
        " ──────────────────────────────────────────────────────────────────────────────",
        "  GPU 0 RTX 4090                  24.0   24.0     21.6         3    18.0 (75%)",
        "",
        "  → GPU 0: model_memory_gb = 5.4 gives 4 workers, each with room for fewer",
        "    takes at once.",
        "  → GPU 0: model_memory_gb = 21.6 gives one worker the whole GPU, and a larger",
        "    batch. Try that first, and compare on your own lines; several workers on a",
        "    GPU need MPS.",
        "  → docs/hardware.md has settings for each kind of GPU, and help with problems.",
    ] == shown("RTX 4090:24", model_memory_gb=6.0)


def test_log_lines_are_never_wrapped() -> None:
    """A long name on a narrow terminal does not break the line, so that it can be searched for."""
    name = "NVIDIA RTX PRO 6000 Blackwell Workstation Edition"

    assert f"[GPU 0] {name}, Total Memory: 96.00 GB" == shown(f"{name}:96", width=60)[0]


def test_a_row_fits_a_gpu_as_nvml_names_it() -> None:
    """Without the vendor, and cut if it is still too long; with what is free of it now."""
    gpus = [
        Gpu(0, "NVIDIA GeForce RTX 4090", 24, 20.5),
        Gpu(1, "NVIDIA RTX PRO 6000 Blackwell Workstation Edition", 96, 96),
    ]
    console = Console(file=io.StringIO(), width=80, color_system=None)
    print_plan(console, plan_workers(gpus, PoolConfig(), 8), gpus)

    assert [
        "  GPU 0 GeForce RTX 4090          24.0   20.5     20.5         2    16.0 (67%)",
        "  GPU 1 RTX PRO 6000 Blackwe…     96.0   96.0     86.4        10    80.0 (83%)",
    ] == [line for line in console.file.getvalue().splitlines() if line.startswith("  GPU ") and "%" in line]


@pytest.mark.parametrize(
    ("specs", "pool", "expected"),
    [
        (
            ["2x RTX 4090:24"],
            {},
            [
                (
                    "GPU 0, GPU 1: model_memory_gb = 7.2 gives 3 workers, "
                    "each with room for fewer takes at once."
                ),
                (
                    "GPU 0, GPU 1: model_memory_gb = 21.6 gives one worker the whole GPU, and a larger "
                    "batch. Try that first, and compare on your own lines; several workers on a GPU need MPS."
                ),
            ],
        ),
        (
            ["RTX 3060:12"],
            {},
            [
                (
                    "GPU 0: model_memory_gb = 5.4 with multiprocess = true gives 2 workers, "
                    "each with room for fewer takes at once."
                ),
                "GPU 0: model_memory_gb = 10.8 gives the worker the whole GPU, and a larger batch.",
            ],
        ),
        (["RTX 3060:12"], {"model_memory_gb": 5.4}, []),
        (["RTX 4090:24"], {"workers_per_gpu": {0: 1}}, []),
        (["RTX 3070:8"], {}, []),
    ],
)
def test_the_advice_fits_the_plan(specs: list[str], pool: dict[str, object], expected: list[str]) -> None:
    """GPUs with the same advice share it; there is none where a line or a warning explains the workers."""
    given = list(advice(plan_workers(parse_gpu_specs(specs), PoolConfig(**pool), 8)))

    assert expected == given[:-1]
    assert given[-1].startswith("docs/hardware.md has settings for each kind of GPU")


def test_without_a_gpu_the_advice_is_for_the_cpu() -> None:
    """For both engines."""
    assert [
        "On a CPU, preview runs one worker per core; fish runs best as one worker with a large batch."
    ] == list(advice(plan_workers([], PoolConfig(), 8)))
