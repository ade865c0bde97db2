"""Reading any bundle gives a Job or faults, never an exception."""

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
DAMAGED = st.builds(lambda at, to, new: GOOD[:at] + new + GOOD[to:], CUTS, CUTS, st.text(max_size=10))
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def is_consistent(loaded: LoadedBundle) -> bool:
    """A job or faults, but not both; each fault is one line; the job can be sent in a message."""
    assert (loaded.job is None) == bool(loaded.faults)
    for fault in loaded.faults:
        assert fault.where
        assert fault.what
        assert printable(str(fault)) == str(fault)
    if loaded.job:
        assert loaded.job.num_segments > 0
        assert all(speaker.references for speaker in loaded.job.speakers)
        msgspec.msgpack.encode(loaded.job)
    return True


def read(manifest: bytes) -> LoadedBundle:
    """Load the good bundle's files with this manifest, a symlink and a FIFO."""
    with tempfile.TemporaryDirectory() as root:
        folder = write_bundle(Path(root) / "NAME", manifest)
        (folder / "link").symlink_to("/etc/passwd")
        os.mkfifo(folder / "fifo")
        lacking(folder, Limits())
        return read_bundle(folder, "NAME")


@QUICK
@given(TREES)
def test_any_tree_is_a_job_or_faults(tree: dict[str, object]) -> None:
    """It has any keys and any types."""
    assert is_consistent(read(tomli_w.dumps(tree).encode("utf-8", "replace")))


@QUICK
@given(NEARLY_GOOD)
def test_any_values_are_a_job_or_faults(tree: dict[str, object]) -> None:
    """The keys are valid."""
    assert is_consistent(read(tomli_w.dumps(tree).encode("utf-8", "replace")))


@QUICK
@given(DAMAGED)
def test_any_cut_and_paste_of_a_good_manifest_is_a_job_or_faults(text: str) -> None:
    """Editors and partial copies may leave such a manifest."""
    assert is_consistent(read(text.encode()))


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes_are_a_job_or_faults(content: bytes) -> None:
    """The manifest is not text."""
    assert is_consistent(read(content))


@QUICK
@given(FILES, st.binary(max_size=40))
def test_any_tree_of_files_is_a_job_or_faults(entries: dict[bytes, list[str] | None], content: bytes) -> None:
    """It has no manifest, and any names of folders and files."""
    assert is_consistent(drop_and_read(entries, content))


def drop_and_read(entries: dict[bytes, list[str] | None], content: bytes) -> LoadedBundle:
    """Drop these files in an inbox, claim them and read the bundle."""
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
    """Otherwise the other tests might never read a job."""
    assert read(GOOD.encode()).job
    assert read(one_speaker().encode()).job
