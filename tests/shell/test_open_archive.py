"""What is opened as an archive is a file, and nothing stays open."""

from __future__ import annotations

from pathlib import Path

from fishd.spool.endings import ending_by_content


def num_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_asking_for_a_folders_ending_leaves_no_descriptor_open(tmp_path: Path) -> None:
    """os.fdopen raises for a folder and does not close its descriptor; every published folder is asked."""
    before = num_descriptors()

    assert "" == ending_by_content(tmp_path)
    assert before == num_descriptors()
