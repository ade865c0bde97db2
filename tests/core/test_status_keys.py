"""The keys of status.json: none is removed or renamed, and each is documented."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from fishd.core.model.status import (
    DeviceSnapshot,
    GpuSnapshot,
    JobSnapshot,
    RecentError,
    Status,
    WorkerSnapshot,
)

PAGE = (Path(__file__).parents[2] / "docs" / "status.md").read_text(encoding="utf-8")
KEYS = {
    Status: "version pid at started state engine spool jobs waiting workers gpus errors jobs_done "
    "segments_done segments_doubtful audio_s reloads config_faults posts config_read_at",
    JobSnapshot: "name title state priority done failed total audio_s rate elapsed_s eta_s doubtful",
    WorkerSnapshot: "worker device device_name state slots in_hand takes restarts memory_gb pid last_fault "
    "peak_gb",
    GpuSnapshot: "index name total_gb free_gb workers node",
    DeviceSnapshot: "device label wanted workers restarts broken fewer last_fault",
    RecentError: "at where what",
}
SECTIONS = {
    Status: "The whole",
    JobSnapshot: "`jobs[]`",
    WorkerSnapshot: "`workers[]`",
    GpuSnapshot: "`gpus[]`",
    DeviceSnapshot: "`posts[]`",
}


@pytest.mark.parametrize("struct", KEYS, ids=lambda struct: struct.__name__)
def test_the_keys_are_stable(struct: type[msgspec.Struct]) -> None:
    """A new key is added here and to docs/status.md; an old one stays."""
    assert KEYS[struct].split() == [field.name for field in msgspec.structs.fields(struct)]


@pytest.mark.parametrize("struct", SECTIONS, ids=lambda struct: struct.__name__)
def test_every_key_is_documented(struct: type[msgspec.Struct]) -> None:
    """In its section of docs/status.md, which documents no other key."""
    section = PAGE.split(f"## {SECTIONS[struct]}\n")[1].split("\n## ")[0]
    documented = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)))
    assert sorted([*KEYS[struct].split(), *(["trouble"] if struct is Status else [])]) == sorted(documented)
