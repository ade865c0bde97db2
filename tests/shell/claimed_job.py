"""A claimed job in work/ with one spoken clip."""

from __future__ import annotations

from pathlib import Path

from fishd.core.model.job import Clip
from fishd.spool.journal.journal import (
    SpokenLine,
    text_hash,
)
from fishd.spool.outbox.staging import make_clip_folders
from fishd.spool.root import Spool

CLIP = "clips/Alice/001.wav"

SPOKEN = SpokenLine(0, "001", text_hash("Hello."), "voice", 5, Clip(CLIP, 1.0, 1, 7, 0, "cpu", 0.1))


def make_claimed_job(spool: Spool, name: str = "NAME") -> Path:
    """Its folder; the clip is written, but not journaled."""
    folder = spool.work / name
    (folder / "bundle").mkdir(parents=True)
    (folder / "bundle" / "job.toml").write_text("mine")
    make_clip_folders(folder, [CLIP])
    (folder / "out" / CLIP).write_bytes(b"12345")
    return folder
