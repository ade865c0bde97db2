"""The content of a spool's outbox and journals, in a form in which two runs can be compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path


def outcome_of(spool: Path) -> dict[str, object]:
    """Every file of every result by its path; of result.json only what does not depend on time or worker."""
    root = spool / "outbox"
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): _content(path) for path in files}


def spoken_in(spool: Path) -> set[tuple[str, str]]:
    """(job, clip) of every clip in a journal or a result."""
    published = {path.relative_to(spool / "outbox") for path in spool.glob("outbox/*/clips/*/*.wav")}
    return {(path.parts[0], str(Path(*path.parts[1:]))) for path in published} | set(_journaled(spool))


def _journaled(spool: Path) -> Iterator[tuple[str, str]]:
    for journal in spool.glob("work/*/journal.jsonl"):
        for line in journal.read_text().split("\n")[:-1]:
            record = json.loads(line)
            if record["is"] == "spoken":
                yield journal.parent.name, record["clip"]["path"]


def _content(path: Path) -> object:
    """Clips byte for byte; of the summaries and the log only that they exist."""
    if path.suffix == ".wav":
        return path.read_bytes()
    if path.name != "result.json":
        return "text"
    result = json.loads(path.read_bytes())
    rows = [
        (speaker["name"], *(segment[key] for key in ("id", "text", "status", "clip", "seed")))
        for speaker in result["speakers"]
        for segment in speaker["segments"]
    ]
    return result["job"], result["status"], result["errors"], rows
