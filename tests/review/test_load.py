"""Many requests, many lines, many connections: the server stays small and answers."""

from __future__ import annotations

import asyncio
import base64
import os
import resource
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from fishd.review.peaks import COLUMNS, Peaks
from tests.review.review_server import ReviewServer, review_server
from tests.review.review_spool import make_job, make_spool, write_tone

MAX_MEMORY_MB = 120


async def _one(server: ReviewServer, path: str) -> int | None:
    """The status of an answer; None if the server closed the connection instead."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    except OSError:
        return None
    try:
        headers = f"Host: localhost\r\nCookie: {server.cookie}\r\nConnection: close\r\n"
        writer.write(f"GET {path} HTTP/1.1\r\n{headers}\r\n".encode())
        head = await reader.readline()
        while await reader.read(1 << 16):
            pass
    except OSError:
        return None
    finally:
        writer.close()
    return int(head.split()[1]) if head else None


async def _at_once(server: ReviewServer, paths: Sequence[str], most: int) -> Counter[int | None]:
    """`most` connections are open at once: this process has few descriptors as well."""
    slots = asyncio.Semaphore(most)

    async def one(path: str) -> int | None:
        async with slots:
            return await _one(server, path)

    return Counter(await asyncio.gather(*map(one, paths)))


def test_ten_thousand_requests_at_once_do_no_harm(tmp_path: Path) -> None:
    """Each is answered or turned away; memory has a limit; then the server answers as before."""
    make_job(make_spool(tmp_path), num_lines=2_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(hard, 8_192)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        with review_server(tmp_path) as server:
            paths = ["/api/jobs/Episode" if number % 50 == 0 else "/api/jobs" for number in range(10_000)]
            counted = asyncio.run(_at_once(server, paths, most - 500))

            assert set(counted) <= {200, 503, None}
            assert counted[200] > 0
            assert 200 == server.request("/api/jobs/Episode").status
            assert server.memory_mb <= MAX_MEMORY_MB
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_large_job_fits_into_the_memory(tmp_path: Path) -> None:
    """20,000 lines."""
    make_job(make_spool(tmp_path), num_lines=20_000)
    with review_server(tmp_path) as server:
        assert 20_000 == len(server.request("/api/jobs/Episode").json["lines"])
        server.request("/api/jobs")
        assert server.memory_mb <= MAX_MEMORY_MB


def test_peaks_are_of_the_clip(server: ReviewServer) -> None:
    """A tone that swells and fades has its highest column in the middle."""
    answer = server.post("/api/jobs/Episode/peaks", {"clips": ["clips/Ada/001.wav", "clips/none.wav"]})

    columns = base64.b64decode(answer.json["clips/Ada/001.wav"])
    assert ["clips/Ada/001.wav"] == list(answer.json)
    assert COLUMNS == len(columns)
    assert sorted(columns[:60]) == list(columns[:60])
    assert sorted(columns[60:]) == list(columns[60:])[::-1]
    assert 127 == max(columns) == columns[COLUMNS // 2]


def test_peaks_are_computed_once(tmp_path: Path) -> None:
    """A clip that was renamed is the same; one that was replaced is not."""
    root = make_spool(tmp_path)
    folder = make_job(root)
    clip = "clips/Ada/001.wav"
    with_cache = Peaks(root / ".cache")
    first = with_cache.of(root, "Episode", [clip])[clip]
    with_cache.close()
    content = (folder / clip).read_bytes()
    facts = (folder / clip).stat()
    with (folder / clip).open("r+b") as file:  # the same file as far as anybody can see
        file.write(b"\0" * len(content))
    os.utime(folder / clip, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    (folder / clip).rename(folder / "clips/Ada/moved.wav")
    again = Peaks(root / ".cache")

    assert first == again.of(root, "Episode", ["clips/Ada/moved.wav"])["clips/Ada/moved.wav"]
    write_tone(folder / clip, 500, 1.5)
    assert first != again.of(root, "Episode", [clip])[clip]
    again.close()


def test_a_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    """It is only a cache."""
    root = make_spool(tmp_path)
    make_job(root)
    (root / ".cache").mkdir()
    (root / ".cache/review-peaks.sqlite").write_bytes(b"no database" * 1_000)
    peaks = Peaks(root / ".cache")

    assert COLUMNS == len(peaks.of(root, "Episode", ["clips/Ada/001.wav"])["clips/Ada/001.wav"])
    peaks.close()


def test_a_silent_or_empty_clip_has_peaks(tmp_path: Path) -> None:
    """All of them are 0."""
    root = make_spool(tmp_path)
    folder = make_job(root)
    for name, frames in (("empty", 0), ("silent", 50)):
        soundfile.write(folder / f"clips/{name}.wav", np.zeros(frames), 16_000)
    peaks = Peaks(root / ".cache")

    assert {f"clips/{name}.wav": bytes(COLUMNS) for name in ("empty", "silent")} == peaks.of(
        root, "Episode", ["clips/empty.wav", "clips/silent.wav"]
    )
    peaks.close()
