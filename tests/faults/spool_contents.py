"""The clips and results in a daemon's spool, in a form that can be compared between two runs."""

from __future__ import annotations

import json
from pathlib import Path

from tests.daemon.daemon_process import DaemonProcess

_COMPARED = {".wav", ".flac", ".srt", ".vtt", ".csv"}


def outcome_of(spool: Path) -> dict[str, object]:
    """Every published file by its path, without what depends on the time or the worker."""
    root = spool / "outbox"
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): _content(path) for path in files}


def finished_clips(daemon: DaemonProcess) -> set[tuple[str, str]]:
    """(job, clip) of every clip that is journaled or published."""
    published = {
        path.relative_to(daemon.spool / "outbox") for path in daemon.spool.glob("outbox/*/clips/*/*.wav")
    }
    journaled = {
        (folder.name, line["clip"]["path"])
        for folder in daemon.spool.glob("work/*")
        for line in daemon.journal(folder.name, "spoken")
    }
    return journaled | {(path.parts[0], str(Path(*path.parts[1:]))) for path in published}


def _content(path: Path) -> object:
    """The bytes of clips and tracks, a result's comparable values; of any other file only that it exists."""
    if path.suffix in _COMPARED:
        return path.read_bytes()
    if path.name != "result.json":
        return "text"
    result = json.loads(path.read_bytes())
    rows = [
        (speaker["name"], *(segment[key] for key in ("id", "text", "status", "clip", "seed")))
        for speaker in result["speakers"]
        for segment in speaker["segments"]
    ]
    return result["job"], result["status"], result["errors"], rows, result.get("tracks")
