"""Clips of an earlier result are reused only if they are genuine; an invalid result is ignored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fishd.core.model.clip_key import clip_key
from fishd.core.model.hashes import content_hash
from fishd.core.model.job import Job
from fishd.spool.bundle.load import read_bundle
from fishd.spool.durable.disk import Disk
from fishd.spool.journal.journal import SpokenLine, read_journal
from fishd.spool.outbox.reuse import digest_of, take_over
from tests.shell.bundles import one_speaker, write_bundle

SECRET = bytes(32)
CLIP = b"RIFF....WAVE"


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A job whose folder is work/again."""
    (tmp_path / "work" / "again").mkdir(parents=True)
    job = read_bundle(write_bundle(tmp_path / "bundle", one_speaker()), "again").job
    assert job is not None
    return job


def publish_earlier(
    outbox: Path,
    job: Job,
    digest: str | None = None,
    takes_folder: str | None = None,
    take: str | None = None,
) -> None:
    """Publish an earlier result of this job, with its one clip."""
    ((_, _, segment),) = job.segments()
    key = clip_key("engine", job, job.speakers[0], segment)
    row = {
        "id": "001",
        "text": segment.text,
        "status": "done",
        "clip": segment.clip,
        "key": key,
        "take": take,
    }
    row["digest"] = digest_of(content_hash(CLIP), key, SECRET) if digest is None else digest
    totals = dict.fromkeys(("speakers", "segments", "done", "failed", "audio_s", "wall_s", "speech_rate"), 0)
    result = {
        **dict.fromkeys(("job", "title", "engine", "started", "finished"), ""),
        **dict.fromkeys(("device_names", "errors"), ()),
        "status": "done",
        "totals": totals,
        "takes_folder": takes_folder,
        "speakers": [{"name": "Alice", "language": "en", "segments": [row]}],
    }
    folder = outbox / job.name
    (folder / segment.clip).parent.mkdir(parents=True)
    (folder / segment.clip).write_bytes(CLIP)
    (folder / "result.json").write_text(json.dumps(result))


def reused(folder: Path, job: Job) -> list[str]:
    """The clips that are reused, by their paths."""
    work = folder / "work" / "again"
    outbox, takes = folder / "outbox", folder / ".takes"
    clips = take_over(job, "engine", SECRET, outbox=outbox, takes=takes, folder=work, disk=Disk())
    return [clip.path for clip in clips.values()]


def test_a_genuine_clip_is_copied_and_journaled(tmp_path: Path, job: Job) -> None:
    publish_earlier(tmp_path / "outbox", job)
    assert ["clips/Alice/001.wav"] == reused(tmp_path, job)
    work = tmp_path / "work" / "again"
    assert CLIP == (work / "out" / "clips" / "Alice" / "001.wav").read_bytes()
    ((line,), _) = read_journal(work)
    assert isinstance(line, SpokenLine)
    assert (0, "001", len(CLIP)) == (line.speaker, line.segment, line.size_bytes)


@pytest.mark.parametrize("digest", ["", "0" * 32, "é", "\ud800"])
def test_a_clip_with_another_digest_is_not_reused(tmp_path: Path, job: Job, digest: str) -> None:
    """The digest may have any characters."""
    publish_earlier(tmp_path / "outbox", job, digest=digest)
    assert [] == reused(tmp_path, job)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"\xff", b'{"job": "\xff"}', b'{"x": ' + b"[" * 200_000, b'{"job": "\\ud800"}'],
)
def test_an_invalid_result_is_ignored(tmp_path: Path, job: Job, content: bytes) -> None:
    """No exception is raised."""
    publish_earlier(tmp_path / "outbox", job)
    (tmp_path / "outbox" / "again" / "result.json").write_bytes(content)
    assert [] == reused(tmp_path, job)


def test_a_take_is_reused_where_the_clip_is_made_from_it(tmp_path: Path, job: Job) -> None:
    """The clip was levelled, so that it is not what was spoken."""
    publish_earlier(tmp_path / "outbox", job, takes_folder="again-1", take="clips/Alice/001.wav")
    (tmp_path / "outbox" / "again" / "clips" / "Alice" / "001.wav").write_bytes(b"levelled")
    take = tmp_path / ".takes" / "again-1" / "clips" / "Alice" / "001.wav"
    take.parent.mkdir(parents=True)
    take.write_bytes(CLIP)
    assert ["clips/Alice/001.wav"] == reused(tmp_path, job)
    assert CLIP == (tmp_path / "work" / "again" / "out" / "clips" / "Alice" / "001.wav").read_bytes()


def test_a_clip_is_reused_where_its_take_has_expired(tmp_path: Path, job: Job) -> None:
    publish_earlier(tmp_path / "outbox", job, takes_folder="gone", take="x.wav")
    assert ["clips/Alice/001.wav"] == reused(tmp_path, job)


@pytest.mark.parametrize("takes_folder", ["../elsewhere", "/", "\0"])
def test_a_takes_folder_elsewhere_is_not_read(tmp_path: Path, job: Job, takes_folder: str) -> None:
    """A user changed the result: nothing of it is used."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.wav").write_bytes(CLIP)
    publish_earlier(tmp_path / "outbox", job, takes_folder=takes_folder, take="x.wav")
    assert [] == reused(tmp_path, job)
