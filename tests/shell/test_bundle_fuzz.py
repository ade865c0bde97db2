"""Whatever is in a bundle, reading it ends in a Job or in faults, never in an exception."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fishd.core.model.limits import Limits
from fishd.spool.bundle.load import LoadedBundle, lacking, read_bundle
from fishd.spool.inbox.scan import CompleteBundle, Inbox
from fishd.spool.names import printable
from tests.shell.bundles import GOOD, one_speaker, write_bundle

KEYS = [
    *("title", "priority", "language", "output", "format", "engine_options", "speakers", "name", "reference"),
    *("transcript", "transcript_file", "segments", "segments_file", "id", "text", "start", "end"),
]
PATHS = [
    "alice.wav",
    "bob.txt",
    "bob_lines.txt",
    "../x",
    "/etc/passwd",
    ".",
    "",
    "link",
    "fifo",
    "\0",
    "a/b",
    "job.toml",
]
VALUES = (
    st.sampled_from([*PATHS, "en", "wav", "<|im_end|>", " "])
    | st.text(max_size=20).filter(lambda text: text.isprintable())
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.datetimes()
)
TREES = st.dictionaries(
    st.sampled_from(KEYS) | st.text(max_size=5),
    st.recursive(
        VALUES,
        lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(KEYS), below, max_size=6),
        max_leaves=20,
    ),
    max_size=8,
)
SEGMENTS = st.lists(
    st.fixed_dictionaries(
        {"text": VALUES}, optional={"id": VALUES, "start": VALUES, "end": VALUES, "language": VALUES}
    ),
    max_size=3,
)
SPEAKERS = st.fixed_dictionaries(
    {"name": VALUES, "reference": VALUES | st.lists(VALUES, max_size=3), "segments": SEGMENTS | VALUES},
    optional={"transcript": VALUES, "transcript_file": VALUES, "segments_file": VALUES, "language": VALUES},
)
NEARLY_GOOD = st.fixed_dictionaries(
    {"speakers": st.lists(SPEAKERS, max_size=3)},
    optional={"priority": VALUES, "title": VALUES, "engine_options": TREES},
)
FILES = st.dictionaries(
    st.binary(min_size=1, max_size=30).filter(
        lambda name: not set(name) & set(b"/\0") and name not in (b".", b"..")
    ),
    st.none()
    | st.lists(
        st.sampled_from(["reference.wav", "reference.txt", "lines.txt", "reference.MP3"]), unique=True
    ),
    max_size=4,
)
CUTS = st.integers(0, len(GOOD))
SPOILT = st.builds(lambda at, to, new: GOOD[:at] + new + GOOD[to:], CUTS, CUTS, st.text(max_size=10))
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def sound(reading: LoadedBundle) -> bool:
    """A job exactly if there are no faults; each fault on one line; the job fits into a message."""
    assert (reading.job is None) == bool(reading.faults)
    for fault in reading.faults:
        assert fault.where
        assert fault.what
        assert printable(str(fault)) == str(fault)
    if reading.job:
        assert reading.job.num_segments > 0
        assert all(speaker.references for speaker in reading.job.speakers)
        msgspec.msgpack.encode(reading.job)
    return True


def read(manifest: bytes) -> LoadedBundle:
    """The good bundle's files, loaded with this manifest and some traps beside them."""
    with tempfile.TemporaryDirectory() as root:
        folder = write_bundle(Path(root) / "NAME", manifest)
        (folder / "link").symlink_to("/etc/passwd")
        os.mkfifo(folder / "fifo")
        lacking(folder, Limits())
        return read_bundle(folder, "NAME")


@QUICK
@given(TREES)
def test_any_tree_is_a_job_or_faults(tree: dict[str, object]) -> None:
    """Any keys, any types."""
    assert sound(read(tomli_w.dumps(tree).encode("utf-8", "replace")))


@QUICK
@given(NEARLY_GOOD)
def test_any_values_are_a_job_or_faults(tree: dict[str, object]) -> None:
    """The right keys, any values."""
    assert sound(read(tomli_w.dumps(tree).encode("utf-8", "replace")))


@QUICK
@given(SPOILT)
def test_any_cut_and_paste_of_a_good_manifest_is_a_job_or_faults(text: str) -> None:
    """As editors and partial copies leave them."""
    assert sound(read(text.encode()))


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes_are_a_job_or_faults(content: bytes) -> None:
    """A manifest that is not text."""
    assert sound(read(content))


@QUICK
@given(FILES, st.binary(max_size=40))
def test_any_tree_of_files_is_a_job_or_faults(entries: dict[bytes, list[str] | None], content: bytes) -> None:
    """By convention: any names of folders and files, any content; dropped, claimed and read."""
    assert sound(drop_and_read(entries, content))


def drop_and_read(entries: dict[bytes, list[str] | None], content: bytes) -> LoadedBundle:
    """A tree of such files goes through the inbox."""
    with tempfile.TemporaryDirectory() as root:
        inbox, work = Path(root) / "inbox", Path(root) / "work"
        (inbox / "a").mkdir(parents=True)
        work.mkdir()
        for name, files in entries.items():
            path = inbox / "a" / os.fsdecode(name)
            if files is None:
                path.write_bytes(content)
                continue
            path.mkdir()
            for file in files:
                (path / file).write_bytes(content)
        watch = Inbox(inbox, work, 0.0, 0.0)
        assert [CompleteBundle("a")] == [CompleteBundle(found.name) for found in watch.scan(0.0).found]
        (claimed,) = watch.claim([CompleteBundle("a")], 0.0).claimed
        return read_bundle(claimed.folder / "bundle", claimed.name)


def test_the_unchanged_bundle_is_good() -> None:
    """Otherwise the fuzz tests could pass for the wrong reason."""
    assert read(GOOD.encode()).job
    assert read(one_speaker().encode()).job
