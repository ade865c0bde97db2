"""Every fault of a bundle is reported, with its place, and all of them together."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from fishd.core.config.keys import ENGINE_OPTION
from fishd.core.model.limits import Limits
from fishd.spool.bundle.load import read_bundle
from tests.shell.bundles import faults_in, faults_of, one_speaker, write_bundle, write_convention

TEXT = "speakers[0].segments[0].text"
ID, OTHER_ID = "speakers[0].segments[1].id", "speakers[0].segments; the other is speakers[0].segments[0].id"

MANIFESTS = {
    "a syntax error": (
        'title = "x"\ntitle 5\n',
        ["job.toml:2:7: is not valid TOML: expected '=' after a key in a key/value pair"],
    ),
    "an unfinished file": ('title = "x', ["job.toml:1:11: is not valid TOML: unterminated string"]),
    "a key given twice": ("a = 1\na = 2\n", ["job.toml:2:6: is not valid TOML: cannot overwrite a value"]),
    "not UTF-8": (b'\ntitle = "\xe9"\n', ["job.toml:2: is not UTF-8: byte 0xe9; save the file as UTF-8"]),
    "UTF-16": (
        'title = "x"'.encode("utf-16"),
        ["job.toml:1: is not UTF-8: byte 0xff (it looks like UTF-16); save the file as UTF-8"],
    ),
    "a huge number": ("title = " + "9" * 5_000, ["job.toml: is not valid TOML: Exceeds the limit"]),
    "deep nesting": ("title = " + "[" * 50_000, ["job.toml: is not valid TOML: it is nested too deeply"]),
    "an unknown key": (
        'titel = "x"\n' + one_speaker(),
        ["titel: is not a known key; did you mean title?"],
    ),
    "unknown keys below": (
        '[output]\nformatt = "wav"\n'
        + one_speaker(segments='[{ text = "Hi.", txt = 1 }]', referenz='"a.wav"'),
        [
            "output.formatt: is not a known key; did you mean format?",
            "speakers[0].segments[0].txt: is not a known key; did you mean text?",
            "speakers[0].referenz: is not a known key; did you mean reference?",
        ],
    ),
    "a key unlike any other": (
        "zzz = 1\n" + one_speaker(),
        [
            "zzz: is not a known key; known are title, priority, language, output, engine_options, speakers",
        ],
    ),
    "a wrong type": ("title = 5\n" + one_speaker(), ["title: is 5; must be a string"]),
    "wrong types everywhere": (
        'priority = "high"\noutput = "wav"\nengine_options = []\n'
        + one_speaker(
            reference="[1]", name="true", segments='[{ text = 1979-05-27, id = 1, start = "0" }, 3]'
        ),
        [
            'priority: is "high"; must be a whole number from -10 to 10',
            'output: is "wav"; must be a section, written [output]',
            "engine_options: is []; must be a section, written [engine_options]",
            "speakers[0].name: is true; must be a string",
            "speakers[0].reference[0]: is 1; must be the path of a file",
            "speakers[0].segments[1]: is 3; must be a table",
            "speakers[0].segments[0].text: is 1979-05-27; must be a string",
            "speakers[0].segments[0].id: is 1; must be a string",
            'speakers[0].segments[0].start: is "0"; must be a number of seconds from 0 to 1000000000',
        ],
    ),
    "a priority out of range": (
        "priority = 11\n" + one_speaker(),
        ["priority: is 11; must be a whole number from -10 to 10"],
    ),
    "an invalid language": (
        'language = "English, please"\n' + one_speaker(),
        ['language: is "English, please"; must be a language tag such as "en" or "pt-BR"'],
    ),
    "an unknown format": (
        '[output]\nformat = "aac"\n' + one_speaker(),
        ['output.format: is "aac"; must be "wav", "flac", "ogg" or "mp3"'],
    ),
    "a date among the engine's options": (
        "[engine_options]\nday = 1979-05-27\n" + one_speaker(),
        [f"engine_options.day: is 1979-05-27; must be {ENGINE_OPTION.must}"],
    ),
    "a number too large for a message": (
        "[engine_options]\nseed = 18446744073709551616\n" + one_speaker(),
        [f"engine_options.seed: is 18446744073709551616; must be {ENGINE_OPTION.must}"],
    ),
    "an empty manifest": ("", ["speakers: is empty; add a [[speakers]] table"]),
    "no speakers": ("speakers = []", ["speakers: is empty; add a [[speakers]] table"]),
    "speakers as one table": (
        "[speakers]\nname = 'A'",
        ['speakers: is { name = "A" }; must be a list of tables, written [[speakers]]'],
    ),
    "a speaker with nothing": (
        "[[speakers]]",
        [
            "speakers[0]: has no name",
            'speakers[0]: has no reference clip; add reference = "clip.wav"',
            'speakers[0]: has no transcript of its reference; add transcript = "…" or transcript_file = "…"',
            'speakers[0]: has no segments; add [[speakers.segments]] or segments_file = "…"',
        ],
    ),
    "a speaker without segments": (
        one_speaker(segments="[]"),
        ['speakers[0]: has no segments; add [[speakers.segments]] or segments_file = "…"'],
    ),
    "both kinds of segments": (
        one_speaker(segments_file='"bob_lines.txt"'),
        ["speakers[0].segments_file: cannot be used together with segments; keep one of the two"],
    ),
    "both kinds of transcript": (
        one_speaker(transcript_file='"bob.txt"'),
        ["speakers[0].transcript_file: cannot be used together with transcript; keep one of the two"],
    ),
    "an empty name": (one_speaker(name='" "'), ["speakers[0].name: is empty"]),
    "a long name": (
        one_speaker(name=f'"{"n" * 300}"'),
        ["speakers[0].name: is 300 characters long; at most 200"],
    ),
    "an empty transcript": (one_speaker(transcript='" "'), ["speakers[0].transcript: is empty"]),
    "no text": (one_speaker(segments='[{ id = "a" }]'), ["speakers[0].segments[0]: has no text"]),
    "an empty text": (one_speaker(segments='[{ text = "" }]'), [f"{TEXT}: is empty"]),
    "a text of white space": (one_speaker(segments=r'[{ text = " \t\n\u00a0" }]'), [f"{TEXT}: is empty"]),
    "a text of 100,000 characters": (
        one_speaker(segments=f'[{{ text = "{"x" * 100_000}" }}]'),
        [f"{TEXT}: is 100,000 characters long, 2,000 is the most; split it into several segments"],
    ),
    "a text of control tokens": (
        one_speaker(segments='[{ text = "<|im_end|> <|im_start|>" }]'),
        [f"{TEXT}: holds nothing but control tokens (<|im_end|> <|im_start|>); there is nothing to speak"],
    ),
    "an empty id": (
        one_speaker(segments='[{ text = "Hi.", id = " " }]'),
        ["speakers[0].segments[0].id: is empty"],
    ),
    "invalid times": (
        one_speaker(
            segments='[{ text = "Hi.", start = -1, end = nan }, { text = "Ho.", start = 2, end = 2.0 }]'
        ),
        [
            "speakers[0].segments[0].start: is -1; must be a number of seconds from 0 to 1000000000",
            "speakers[0].segments[0].end: is nan; must be a number of seconds from 0 to 1000000000",
            "speakers[0].segments[1].end: is 2; must be after start, 2",
        ],
    ),
    "two speakers of one name": (
        one_speaker() + one_speaker(),
        ['speakers[1].name: "Alice" occurs twice in speakers; the other is speakers[0].name'],
    ),
    "two segments of one id": (
        one_speaker(segments='[{ id = "a", text = "Hi." }, { id = "a", text = "Ho." }]'),
        [
            f'{ID}: "a" occurs twice in {OTHER_ID}',
        ],
    ),
    "an id that is another's default": (
        one_speaker(segments='[{ id = "002", text = "Hi." }, { text = "Ho." }]'),
        [
            f'{ID}: "002" occurs twice in {OTHER_ID}',
        ],
    ),
}


@pytest.mark.parametrize(("manifest", "expected"), MANIFESTS.values(), ids=MANIFESTS.keys())
def test_a_bad_manifest_is_reported_with_its_places(
    tmp_path: Path, manifest: str | bytes, expected: list[str]
) -> None:
    """Exactly the faults that are there, in these words."""
    found = faults_in(tmp_path, manifest)
    if expected == [
        "job.toml: is not valid TOML: Exceeds the limit"
    ]:  # the rest is Python's, and differs between versions
        found = [fault[: len(expected[0])] for fault in found]
    assert expected == found


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
    """Whichever key names the file, nothing outside the bundle is read and nothing blocks."""
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
    """Its size is enough; nothing is decoded."""
    assert ["alice.wav: is empty (0 bytes)"] == faults_in(tmp_path, one_speaker(), alice_wav=b"")


def test_each_reference_of_a_list_has_its_place(tmp_path: Path) -> None:
    """Counted from 0."""
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
    """An empty transcript and a file of blank lines are faults, never a silent default."""
    manifest = one_speaker(
        transcript="", transcript_file='"bob.txt"', segments="", segments_file='"bob_lines.txt"'
    )
    assert [
        "bob.txt: is empty",
        "bob_lines.txt: is empty: there is nothing to speak",
    ] == faults_in(tmp_path, manifest, bob_txt=b"", bob_lines_txt="\n \n")


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    """One report for the whole bundle: manifest, files and texts."""
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
    """As one that was dropped by mistake."""
    (tmp_path / "NAME").mkdir()
    assert ["job.toml: is missing: the folder is empty"] == faults_of(read_bundle(tmp_path / "NAME", "NAME"))


def test_a_folder_of_neither_form_is_reported(tmp_path: Path) -> None:
    """Both forms are named."""
    (tmp_path / "NAME").mkdir()
    (tmp_path / "NAME" / "alice.wav").touch()
    expected = (
        "job.toml: is missing, and no sub-folder holds a speaker (reference.wav, reference.txt, lines.txt)"
    )
    assert [expected] == faults_of(read_bundle(tmp_path / "NAME", "NAME"))


def test_a_bundle_in_a_folder_too_many_is_reported(tmp_path: Path) -> None:
    """As some unpackers create it."""
    write_bundle(tmp_path / "NAME" / "episode")
    expected = "job.toml: is missing; there is one in episode/: drop that folder itself"
    assert [expected] == faults_of(read_bundle(tmp_path / "NAME", "NAME"))


def test_what_a_convention_lacks_is_reported(tmp_path: Path) -> None:
    """Each missing file by its path; two references are one too many."""
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


def test_a_speaker_folder_whose_name_is_no_utf8_is_reported(tmp_path: Path) -> None:
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
    """Nothing is read without a limit."""
    manifest = one_speaker(segments='[{ text = "Hi." }, { text = "Ho." }]')
    folder = write_bundle(tmp_path / "NAME", manifest)
    assert [expected] == faults_of(read_bundle(folder, "NAME", limits))


def test_a_sparse_terabyte_is_refused_unread(tmp_path: Path) -> None:
    """Its size is checked first."""
    folder = write_bundle(tmp_path / "NAME", one_speaker())
    os.truncate(folder / "alice.wav", 1 << 40)
    limits = replace(Limits(), max_bytes=1 << 50)
    assert ["bundle: holds 1024.0 GiB; at most 4.0 GiB are allowed"] == faults_of(read_bundle(folder, "NAME"))
    expected = "speakers[0].reference: alice.wav is 1024.0 GiB long; at most 512.0 MiB are read"
    assert [expected] == faults_of(read_bundle(folder, "NAME", limits))


def test_folders_too_deep_are_refused(tmp_path: Path) -> None:
    """The scan ends at the limit."""
    folder = write_bundle(tmp_path / "NAME", one_speaker())
    folder.joinpath(*["d"] * 17).mkdir(parents=True)
    assert ["bundle: holds folders more than 16 deep"] == faults_of(read_bundle(folder, "NAME"))


def test_a_long_list_of_faults_is_cut(tmp_path: Path) -> None:
    """A report stays readable; the other faults are counted."""
    manifest = one_speaker(segments="[" + '{ text = "" },' * 1_000 + "]")
    found = faults_in(tmp_path, manifest)
    assert 201 == len(found)
    assert "bundle: and 800 more like these" == found[-1]


def test_a_bundle_that_is_a_file_or_gone_is_reported(tmp_path: Path) -> None:
    """Faults, not exceptions."""
    (tmp_path / "file").touch()
    assert ["bundle: is not a folder"] == faults_of(read_bundle(tmp_path / "file", "x"))
    assert ["bundle: is missing"] == faults_of(read_bundle(tmp_path / "gone", "x"))
