"""A job that is over -> its report, and its way out of work/ into the outbox.

Each job is published in a thread of its own, a few at a time. What the disk refuses is said once and tried
again: the bundle and every clip stay where they are until it goes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fishd.core.actions import Ending
from fishd.core.finish import make_result
from fishd.core.report import render, result_json
from fishd.core.result import Result
from fishd.core.words import times_real_time
from fishd.daemon.clock import rfc3339
from fishd.host.job_log import JobLog
from fishd.spool.errors import SpoolError
from fishd.spool.outbox import OUT, finish, publish
from fishd.spool.root import Spool

_log = logging.getLogger("fishd.publisher")
AT_ONCE = 16  # those that wait for the disk at the same moment share its sync
LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Published:
    """A job's result stands in the outbox, at `path`."""

    job: str
    result: Result
    path: Path


class Publisher:
    """Owns what is on its way out. `post` takes a Published for each job."""

    def __init__(
        self,
        spool: Spool,
        job_log: JobLog,
        group: asyncio.TaskGroup,
        post: Callable[[Published], None],
    ) -> None:
        self._spool = spool
        self._job_log = job_log
        self._group = group
        self._post = post
        # The mutable state.
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="publish")
        self.num_under_way = 0

    def publish(self, ending: Ending, device_names: Mapping[str, str]) -> None:
        """Report and publish a job that is over now."""
        now = time.time()
        result = make_result(ending, rfc3339(now - ending.wall_s), rfc3339(now), device_names)
        _say_end(result)
        self.num_under_way += 1
        self._group.create_task(self._publish(result), name=f"publish {ending.name}")

    async def _publish(self, result: Result) -> None:
        path = await self._until_it_goes(result.job, lambda: self._write(result))
        self.num_under_way -= 1
        self._post(Published(result.job, result, path))

    async def finish(self, folder: Path) -> None:
        """Go on with a publish that a crash cut."""
        await self._until_it_goes(folder.name, lambda: self._finish(folder))

    def _finish(self, folder: Path) -> Path:
        spool = self._spool
        return finish(folder, spool.outbox, spool.archive, disk=spool.disk) or folder

    async def _until_it_goes(self, job: str, work: Callable[[], Path]) -> Path:
        pause_s = 1.0
        while True:
            try:
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
            except SpoolError as error:
                if pause_s == 1.0:
                    _log.error("[Main] %s; it is tried again", error, extra={"job": job})
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _write(self, result: Result) -> Path:
        """Blocking: render, stage, sync, rename."""
        rendered = render(result)
        folder = self._spool.work / result.job
        self._job_log.finish_job(result.job)
        files = {
            "summary.txt": rendered.text.encode(),
            "summary.html": rendered.html.encode(),
            "result.json": result_json(result),
            "job.log": _read(folder / OUT / "job.log"),
        }
        clips = [s.clip for speaker in result.speakers for s in speaker.segments if s.clip]
        spool = self._spool
        return publish(folder, files, clips, spool.outbox, spool.archive, disk=spool.disk)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _say_end(result: Result) -> None:
    """The job's last line in its own log and the daemon's."""
    totals = result.totals
    spoken = f"{totals.done} of {totals.segments} segments, {totals.audio_s:.1f} s of speech"
    speed = f" in {totals.wall_s:.1f} s ({times_real_time(totals.speech_rate)})" if totals.done else ""
    level = logging.INFO if result.status == "done" else logging.WARNING
    extra = {"job": result.job}
    for fault in result.errors:
        _log.log(level, "[Main] %s: %s", result.job, fault, extra=extra)
    _log.log(level, "[Main] %s: %s: %s%s", result.job, result.status.value, spoken, speed, extra=extra)
