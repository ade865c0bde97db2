"""The waveforms: the peaks of each clip, computed once and kept in `review-peaks.sqlite`.

A clip is recognized by its file, not by its name, so that a revision's unchanged clips are found again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

from fishd.review.results import NoSuchJob, open_file

COLUMNS = 120
MAX_ROWS = 200_000  # about 40 MB
MAX_FRAMES = 48_000 * 3_600  # of a clip; nothing longer is drawn
SCHEMA = "CREATE TABLE IF NOT EXISTS peaks (clip TEXT PRIMARY KEY, columns BLOB NOT NULL)"


class Peaks:
    """The cache. Blocking; one caller at a time, of any thread. Without a usable disk it is in memory."""

    def __init__(self, folder: Path) -> None:
        self._db = _open(folder / "review-peaks.sqlite")

    def close(self) -> None:
        self._db.close()

    def of(self, root: Path, job: str, clips: Iterable[str]) -> Mapping[str, bytes]:
        """COLUMNS bytes for each clip below outbox/JOB; those that cannot be read are left out."""
        found: dict[str, bytes] = {}
        for clip in clips:
            with suppress(NoSuchJob, soundfile.LibsndfileError), open_file(root, job, clip) as fd:
                found[clip] = self._of_file(fd)
        with suppress(sqlite3.Error):
            self._db.commit()
        return found

    def _of_file(self, fd: int) -> bytes:
        facts = os.fstat(fd)
        key = f"{facts.st_dev}-{facts.st_ino}-{facts.st_size}-{facts.st_mtime_ns}"
        with suppress(sqlite3.Error):
            row = self._db.execute("SELECT columns FROM peaks WHERE clip = ?", (key,)).fetchone()
            if row:
                return bytes(row[0])
        columns = compute_peaks(fd)
        with suppress(sqlite3.Error):
            self._db.execute("INSERT OR REPLACE INTO peaks VALUES (?, ?)", (key, columns))
        return columns


def compute_peaks(fd: int) -> bytes:
    """The loudest sample in each of COLUMNS equal parts, 255 for full scale. Raises LibsndfileError."""
    with soundfile.SoundFile(fd, closefd=False) as file:
        frames = min(file.frames, MAX_FRAMES)
        edges = [frames * n // COLUMNS for n in range(COLUMNS + 1)]
        peaks = [_peak(file, end - start) for start, end in pairwise(edges)]
    return bytes(min(255, round(255 * peak)) for peak in peaks)


def _peak(file: soundfile.SoundFile, length: int) -> float:
    peak = 0.0
    while length > 0:
        block = file.read(min(length, 1 << 16), dtype="float32", always_2d=True)
        if not len(block):
            break
        peak = max(peak, float(np.abs(block).max()))
        length -= len(block)
    return peak


def _open(path: Path) -> sqlite3.Connection:
    """What is damaged is made anew: it is only a cache."""
    for attempt in range(2):
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            db = sqlite3.connect(path, check_same_thread=False)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = OFF")
            db.execute(SCHEMA)
            db.execute("DELETE FROM peaks WHERE rowid <= (SELECT max(rowid) FROM peaks) - ?", (MAX_ROWS,))
            db.commit()
        except (sqlite3.Error, OSError):
            if attempt == 0:
                with suppress(OSError):
                    path.unlink()
        else:
            return db
    db = sqlite3.connect(":memory:", check_same_thread=False)
    db.execute(SCHEMA)
    return db
