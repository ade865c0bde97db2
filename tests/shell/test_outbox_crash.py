"""Crash at every step of two jobs, restart, and compare with a run without a crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishd.core.model.job import Clip, Job
from fishd.spool.bundle.load import read_bundle
from fishd.spool.errors import SpoolError
from fishd.spool.inbox.scan import CompleteBundle, Inbox
from fishd.spool.journal.journal import ClaimedLine, Journal, SpokenLine, text_hash
from fishd.spool.journal.recovery import RecoveredJob, recover
from fishd.spool.outbox.publish import PublishRequest, finish, publish_all
from fishd.spool.outbox.staging import make_clip_folders
from fishd.spool.root import Spool, make_folders
from tests.shell.bundles import write_bundle
from tests.shell.crash_disk import CrashDisk

NAMES = ("NAME", "OTHER")


class Killed(BaseException):
    """The process ends here; nothing catches this."""


def crash() -> None:
    raise Killed


class Process:
    """What a daemon process does with a spool, on a disk that may crash it."""

    def __init__(self, root: Path, disk: CrashDisk) -> None:
        make_folders(root)
        self.spool = Spool(root, -1)
        self.disk = disk
        self.spoken: list[tuple[str, str]] = []

    def run(self) -> None:
        """Recover what is in work/, then process the inbox."""
        requests: list[PublishRequest] = []
        for left in recover(self.spool.work, self.disk):
            if left.complete:
                finish(left.folder, self.spool.outbox, self.spool.archive, self.disk)
            else:
                requests.append(self.speak_all(left.folder, left))
        inbox = Inbox(self.spool.inbox, self.spool.work, disk=self.disk)
        names = [CompleteBundle(path.name) for path in self.spool.inbox.iterdir()]
        requests += [self.speak_all(claimed.folder, None) for claimed in inbox.claim(names, 0.0).claimed]
        ends = publish_all(requests, self.spool.outbox, self.spool.archive, disk=self.disk)
        assert not [end for end in ends if isinstance(end, SpoolError)]

    def speak_all(self, folder: Path, left: RecoveredJob | None) -> PublishRequest:
        job = read_bundle(folder / "bundle", folder.name).job
        assert job is not None
        clips = [segment.clip for _, _, segment in job.segments()]
        make_clip_folders(folder, clips)
        with Journal(folder, self.disk) as journal:
            if left is None or not left.started:
                journal.append(ClaimedLine("now"), sync=False)
            self.speak(job, journal, folder, left)
        return PublishRequest(folder, {"result.json": b"{}", "job.log": b"log"}, clips)

    def speak(self, job: Job, journal: Journal, folder: Path, left: RecoveredJob | None) -> None:
        for speaker, _, segment in job.segments():
            done = left and left.spoken.get((speaker, segment.id))
            if done and done.text_hash == text_hash(segment.text):
                continue
            self.spoken.append((folder.name, segment.clip))
            (folder / "out" / segment.clip).write_bytes(segment.text.encode())
            clip = Clip(segment.clip, 1.0, 1, 7, 0, "cpu", 0.1)
            hashes = text_hash(segment.text), job.speakers[speaker].voice_key
            journal.append(SpokenLine(speaker, segment.id, *hashes, len(segment.text.encode()), clip))


def test_jobs_killed_at_any_step_are_published_once_and_completely(tmp_path: Path) -> None:
    """Two jobs that are published together. Nothing that is in a journal is spoken twice."""
    whole = Process(tmp_path / "whole", CrashDisk(None, crash))
    for name in NAMES:
        write_bundle(whole.spool.inbox / name)
    whole.run()
    expected = content(whole.spool.root)
    num_steps = whole.disk.steps
    assert num_steps > 60
    for last in range(num_steps):
        first = Process(tmp_path / str(last), CrashDisk(last, crash))
        for name in NAMES:
            write_bundle(first.spool.inbox / name)
        with pytest.raises(Killed):
            first.run()
        journaled = spoken_by_now(first.spool)
        second = Process(first.spool.root, CrashDisk(None, crash))
        second.run()
        assert expected == content(second.spool.root), f"killed before step {last}"
        assert not journaled & set(second.spoken), f"spoken again after step {last}"


@pytest.mark.parametrize("seed", range(20))
def test_a_job_killed_again_and_again_is_published_once_and_completely(tmp_path: Path, seed: int) -> None:
    """Each run is a few steps longer than the one before."""
    whole = Process(tmp_path / "whole", CrashDisk(None, crash))
    write_bundle(whole.spool.inbox / "NAME")
    whole.run()
    root = tmp_path / "killed"
    write_bundle(Process(root, CrashDisk(None, crash)).spool.inbox / "NAME")
    for last in range(seed, 200, 3):
        try:
            Process(root, CrashDisk(last, crash)).run()
        except Killed:
            continue
        break
    assert content(whole.spool.root) == content(root)


def spoken_by_now(spool: Spool) -> set[tuple[str, str]]:
    """The (job, clip) of every spoken line in the journals of work/."""
    found: set[tuple[str, str]] = set()
    for journal in spool.work.glob("*/journal.jsonl"):
        text = journal.read_text()
        found |= {
            (journal.parent.name, line.split('"path":"')[1].split('"')[0])
            for line in text.split("\n")[:-1]
            if '"spoken"' in line
        }
    return found


def content(root: Path) -> dict[str, bytes | None]:
    """Every path of a spool with its content."""
    return {
        str(path.relative_to(root)): None if path.is_dir() else path.read_bytes()
        for path in sorted(root.rglob("*"))
    }
