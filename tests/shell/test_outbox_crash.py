"""A crash at every step of two jobs, a restart, and a comparison with a run without a crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishd.core.model.job import Clip, Job
from fishd.spool.bundle.load import read_bundle
from fishd.spool.errors import SpoolError
from fishd.spool.inbox.scan import CompleteBundle, Inbox
from fishd.spool.journal.journal import ClaimedLine, Journal, SpokenLine, read_journal, text_hash
from fishd.spool.journal.recovery import RecoveredJob, recover
from fishd.spool.outbox.publish import PublishRequest, finish, publish_all
from fishd.spool.outbox.staging import make_clip_folders
from fishd.spool.root import Spool, make_folders
from fishd.spool.work_folder import FINAL
from tests.shell.bundles import write_bundle
from tests.shell.crash_disk import CrashDisk

NAMES = ("NAME", "OTHER")


class Crashed(BaseException):
    """The end of the simulated process; nothing catches it."""


def crash() -> None:
    raise Crashed


class SimulatedDaemon:
    """A daemon's work on a spool, on a disk that may crash it. Of `num_takes` takes the last is the best."""

    def __init__(self, root: Path, disk: CrashDisk, num_takes: int = 1) -> None:
        self.num_takes = num_takes
        make_folders(root)
        self.spool = Spool(root, -1)
        self.disk = disk
        self.spoken: list[tuple[str, str]] = []

    def run(self) -> None:
        """Recover the jobs in work/, then process the inbox."""
        requests: list[PublishRequest] = []
        for recovered in recover(self.spool.work, self.disk):
            if recovered.complete:
                finish(recovered.folder, self.spool.outbox, self.spool.archive, self.disk)
            else:
                requests.append(self.speak_all(recovered.folder, recovered))
        inbox = Inbox(self.spool.inbox, self.spool.work, disk=self.disk)
        names = [CompleteBundle(path.name) for path in self.spool.inbox.iterdir()]
        requests += [self.speak_all(claimed.folder, None) for claimed in inbox.claim(names, 0.0).claimed]
        ends = publish_all(requests, self.spool.outbox, self.spool.archive, disk=self.disk)
        assert not [end for end in ends if isinstance(end, SpoolError)]

    def speak_all(self, folder: Path, recovered: RecoveredJob | None) -> PublishRequest:
        job = read_bundle(folder / "bundle", folder.name).job
        assert job is not None
        clips = [segment.clip for _, _, segment in job.segments()]
        numbers = range(1, self.num_takes + 1)
        make_clip_folders(folder, [s.take_path(number) for _, _, s in job.segments() for number in numbers])
        with Journal(folder, self.disk) as journal:
            if recovered is None or not recovered.started:
                journal.append(ClaimedLine("now"), sync=False)
            self.speak(job, journal, folder, recovered)
        files = {"result.json": b"{}", "job.log": b"log"}
        if self.num_takes == 1:
            return PublishRequest(folder, files, clips)
        links = {segment.clip: segment.take_path(self.num_takes) for _, _, segment in job.segments()}
        return PublishRequest(folder, files, clips, tree=FINAL, links=links)

    def speak(self, job: Job, journal: Journal, folder: Path, recovered: RecoveredJob | None) -> None:
        for speaker, _, segment in job.segments():
            done = recovered.spoken.get((speaker, segment.id), ()) if recovered else ()
            for number in range(len(done) + 1, self.num_takes + 1):
                path = segment.take_path(number)
                self.spoken.append((folder.name, path))
                content = f"{segment.text} {number}".encode()
                (folder / "out" / path).write_bytes(content)
                clip = Clip(path, 1.0, number, 7, 0, "cpu", 0.1)
                hashes = text_hash(segment.text), job.speakers[speaker].voice_key
                journal.append(SpokenLine(speaker, segment.id, *hashes, len(content), clip))


@pytest.mark.parametrize("num_takes", [1, 2])
def test_two_jobs_are_published_once_and_completely_after_a_crash_at_any_step(
    tmp_path: Path, num_takes: int
) -> None:
    """No journaled clip is spoken again; the best takes are published under the lines' names."""
    undisturbed = SimulatedDaemon(tmp_path / "undisturbed", CrashDisk(None, crash), num_takes)
    for name in NAMES:
        write_bundle(undisturbed.spool.inbox / name)
    undisturbed.run()
    expected = content(undisturbed.spool.root)
    num_steps = undisturbed.disk.steps
    assert num_steps > 60
    for last in range(num_steps):
        first = SimulatedDaemon(tmp_path / str(last), CrashDisk(last, crash), num_takes)
        for name in NAMES:
            write_bundle(first.spool.inbox / name)
        with pytest.raises(Crashed):
            first.run()
        journaled = journaled_clips(first.spool)
        second = SimulatedDaemon(first.spool.root, CrashDisk(None, crash), num_takes)
        second.run()
        assert expected == content(second.spool.root), f"crashed before step {last}"
        assert not journaled & set(second.spoken), f"spoken again after step {last}"


@pytest.mark.parametrize("seed", range(20))
def test_a_job_is_published_once_and_completely_after_many_crashes(tmp_path: Path, seed: int) -> None:
    """Each run is three steps longer than the previous one."""
    undisturbed = SimulatedDaemon(tmp_path / "undisturbed", CrashDisk(None, crash))
    write_bundle(undisturbed.spool.inbox / "NAME")
    undisturbed.run()
    root = tmp_path / "crashed"
    write_bundle(SimulatedDaemon(root, CrashDisk(None, crash)).spool.inbox / "NAME")
    for last in range(seed, 200, 3):
        try:
            SimulatedDaemon(root, CrashDisk(last, crash)).run()
        except Crashed:
            continue
        break
    assert content(undisturbed.spool.root) == content(root)


def journaled_clips(spool: Spool) -> set[tuple[str, str]]:
    """(job, clip) of every spoken line in the journals."""
    return {
        (folder.name, line.clip.path)
        for folder in spool.work.iterdir()
        for line in read_journal(folder)[0]
        if isinstance(line, SpokenLine)
    }


def content(root: Path) -> dict[str, bytes | None]:
    """The content of every file of a spool, by its path."""
    return {
        str(path.relative_to(root)): None if path.is_dir() else path.read_bytes()
        for path in sorted(root.rglob("*"))
    }
