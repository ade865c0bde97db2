"""Every fault of a bundle is reported with its place, and all of them together."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from fishd.core.model.limits import Limits
from fishd.spool.bundle.load import read_bundle
from fishd.spool.bundle.settings import BundleSettings
from tests.shell.bundles import faults_in, faults_of, one_speaker, write_bundle, write_convention

PATHS = {
    "missing": ("gone.wav", "gone.wav is missing"),
    "missing, written as on Windows": (
        r"voices\\gone.wav",
        r"voices\gone.wav is missing (write / between folders)",
    ),
    "a folder": ("folder", "folder is a folder, not a file"),
    "absolute": ("/etc/passwd", "/etc/passwd is an absolute path; give it relative to the bundle"),
    "upwards": (
        "../NAME/alice.wav",
        "../NAME/alice.wav leads out of the bundle (..); put the file into the bundle",
    ),
    "upwards by half": (
        "a/../alice.wav",
        "a/../alice.wav leads out of the bundle (..); put the file into the bundle",
    ),
    "a symlink": (
        "link.wav",
        "link.wav is a symlink, or behind one; put the file itself into the bundle",
    ),
    "behind a symlink": (
        "dir/x",
        "dir/x is a symlink, or behind one; put the file itself into the bundle",
    ),
    "a FIFO": ("fifo.wav", "fifo.wav is a FIFO, not a file"),
    "behind a file": ("alice.wav/x", "alice.wav/x is below something that is not a folder"),
    "empty": ("", " is not a path"),
    "too long a name": ("n" * 300, "n" * 300 + " is too long for a path"),
}


@pytest.mark.parametrize("key", ["reference", "transcript_file", "segments_file"])
@pytest.mark.parametrize(("path", "expected"), PATHS.values(), ids=PATHS.keys())
def test_a_path_that_cannot_be_used_is_reported(tmp_path: Path, key: str, path: str, expected: str) -> None:
    """Nothing outside the bundle is read and nothing blocks, whatever key names the file."""
    folder = tmp_path / "NAME"
    (folder / "folder").mkdir(parents=True)
    (folder / "link.wav").symlink_to("alice.wav")
    (folder / "dir").symlink_to("/etc")
    os.mkfifo(folder / "fifo.wav")
    instead = {"reference": {}, "transcript_file": {"transcript": ""}, "segments_file": {"segments": ""}}[key]
    assert [f"speakers[0].{key}: {expected}"] == faults_in(
        tmp_path, one_speaker(**instead, **{key: f'"{path}"'})
    )


def test_a_reference_of_zero_bytes_is_reported(tmp_path: Path) -> None:
    """It is not decoded."""
    assert ["alice.wav: is empty (0 bytes)"] == faults_in(tmp_path, one_speaker(), alice_wav=b"")


def test_each_reference_of_a_list_has_its_place(tmp_path: Path) -> None:
    """The index is counted from 0."""
    found = faults_in(tmp_path, one_speaker(reference='["alice.wav", "gone.wav"]'))
    assert ["speakers[0].reference[1]: gone.wav is missing"] == found


def test_faults_of_text_files_name_file_and_line(tmp_path: Path) -> None:
    """Lines are counted from 1, as in an editor."""
    manifest = one_speaker(
        transcript="", transcript_file='"bob.txt"', segments="", segments_file='"bob_lines.txt"'
    )
    lines = f"Fine.\n\n<|im_end|>\n{'x' * 2001}\n"
    assert [
        "bob.txt:2: is not UTF-8: byte 0xff; save the file as UTF-8",
        "bob_lines.txt:3: holds nothing but control tokens (<|im_end|>); there is nothing to speak",
        "bob_lines.txt:4: is 2,001 characters long, 2,000 is the most; split it into several segments",
    ] == faults_in(tmp_path, manifest, bob_txt=b"One.\nTwo \xff.", bob_lines_txt=lines)


def test_empty_text_files_are_reported(tmp_path: Path) -> None:
    """A file of blank lines is empty too."""
    manifest = one_speaker(
        transcript="", transcript_file='"bob.txt"', segments="", segments_file='"bob_lines.txt"'
    )
    assert [
        "bob.txt: is empty",
        "bob_lines.txt: is empty: there is nothing to speak",
    ] == faults_in(tmp_path, manifest, bob_txt=b"", bob_lines_txt="\n \n")


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    """They are in the manifest, the files and the texts."""
    manifest = (
        "priority = 99\n"
        + one_speaker(reference='"gone.wav"', segments='[{ text = "" }]')
        + one_speaker(
            name='"Bob"', transcript="", transcript_file='"gone.txt"', segments='[{ text = "Hi.", end = -1 }]'
        )
    )
    assert [
        "priority: is 99; must be a whole number from -10 to 10",
        "speakers[1].segments[0].end: is -1; must be a number of seconds from 0 to 1000000000",
        "speakers[0].reference: gone.wav is missing",
        "speakers[0].segments[0].text: is empty",
        "speakers[1].transcript_file: gone.txt is missing",
    ] == faults_in(tmp_path, manifest)


def test_an_empty_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "NAME").mkdir()
    assert ["job.toml: is missing: the folder is empty"] == faults_of(read_bundle(tmp_path / "NAME", "NAME"))


def test_a_folder_of_neither_form_is_reported(tmp_path: Path) -> None:
    """The message names both forms."""
    (tmp_path / "NAME").mkdir()
    (tmp_path / "NAME" / "alice.wav").touch()
    expected = (
        "job.toml: is missing, and there is neither a script nor a sub-folder that holds a speaker "
        "(reference.wav, reference.txt, lines.txt)"
    )
    assert [expected] == faults_of(read_bundle(tmp_path / "NAME", "NAME"))


def test_a_bundle_inside_another_folder_is_reported(tmp_path: Path) -> None:
    """Some programs unpack it so."""
    write_bundle(tmp_path / "NAME" / "episode")
    expected = "job.toml: is missing; there is one in episode/: drop that folder itself"
    assert [expected] == faults_of(read_bundle(tmp_path / "NAME", "NAME"))


def test_missing_files_of_a_convention_are_reported(tmp_path: Path) -> None:
    """Each is named by its path; several references are a fault too."""
    folder = write_convention(tmp_path / "NAME", "Alice", "Bob", "Carol")
    (folder / "Alice" / "reference.wav").unlink()
    (folder / "Bob" / "lines.txt").unlink()
    (folder / "Bob" / "reference.txt").unlink()
    (folder / "Carol" / "reference.flac").touch()
    assert [
        "Alice/reference.wav: is missing (.flac, .ogg and .mp3 are accepted too)",
        "Bob/reference.txt: is missing",
        "Bob/lines.txt: is missing",
        "Carol: holds several references (reference.flac, reference.wav); keep one",
        "Carol/reference.flac: is empty (0 bytes)",
    ] == faults_of(read_bundle(folder, "NAME"))


def test_a_speaker_folder_whose_name_is_not_utf8_is_reported(tmp_path: Path) -> None:
    """Its files could not be named to a worker."""
    write_convention(tmp_path / "NAME", "Alice", os.fsdecode(b"B\xffb"))
    expected = "B?b: the folder's name is not UTF-8; rename it"
    assert [expected] == faults_of(read_bundle(tmp_path / "NAME", "NAME"))


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(max_files=3), "bundle: holds more than 3 files"),
        (Limits(max_bytes=10), "bundle: holds 205 bytes; at most 10 bytes are allowed"),
        (Limits(manifest_bytes=10), "job.toml: is 132 bytes long; at most 10 bytes are read"),
        (
            Limits(reference_bytes=10),
            "speakers[0].reference: alice.wav is 16 bytes long; at most 10 bytes are read",
        ),
        (Limits(segments=1), "bundle: has more than 1 segments; split it"),
        (Limits(speakers=0), "speakers: there are 1; at most 0 are allowed"),
    ],
)
def test_a_bundle_over_a_limit_is_reported(tmp_path: Path, limits: Limits, expected: str) -> None:
    """The message has the limit."""
    manifest = one_speaker(segments='[{ text = "Hi." }, { text = "Ho." }]')
    folder = write_bundle(tmp_path / "NAME", manifest)
    assert [expected] == faults_of(read_bundle(folder, "NAME", BundleSettings(limits)))


def test_a_sparse_terabyte_is_refused_unread(tmp_path: Path) -> None:
    """Its size is checked before it is read."""
    folder = write_bundle(tmp_path / "NAME", one_speaker())
    os.truncate(folder / "alice.wav", 1 << 40)
    limits = replace(Limits(), max_bytes=1 << 50)
    assert ["bundle: holds 1024.0 GiB; at most 4.0 GiB are allowed"] == faults_of(read_bundle(folder, "NAME"))
    expected = "speakers[0].reference: alice.wav is 1024.0 GiB long; at most 512.0 MiB are read"
    assert [expected] == faults_of(read_bundle(folder, "NAME", BundleSettings(limits)))


def test_too_deeply_nested_folders_are_reported(tmp_path: Path) -> None:
    """The scan ends at the limit."""
    folder = write_bundle(tmp_path / "NAME", one_speaker())
    folder.joinpath(*["d"] * 17).mkdir(parents=True)
    assert ["bundle: holds folders more than 16 deep"] == faults_of(read_bundle(folder, "NAME"))


def test_a_long_list_of_faults_is_cut(tmp_path: Path) -> None:
    """The other faults are counted."""
    manifest = one_speaker(segments="[" + '{ text = "" },' * 1_000 + "]")
    found = faults_in(tmp_path, manifest)
    assert 201 == len(found)
    assert "bundle: and 800 more like these" == found[-1]


def test_a_bundle_that_is_a_file_or_missing_is_reported(tmp_path: Path) -> None:
    """It raises no exception."""
    (tmp_path / "file").touch()
    assert ["bundle: is not a folder"] == faults_of(read_bundle(tmp_path / "file", "x"))
    assert ["bundle: is missing"] == faults_of(read_bundle(tmp_path / "gone", "x"))
