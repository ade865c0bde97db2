"""A good bundle, in both forms, becomes a Job."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from fishd.core.delivery.settings import DeliverySettings
from fishd.core.model.job import Fault, Segment
from fishd.spool.bundle.load import read_bundle
from fishd.spool.bundle.settings import BundleSettings
from tests.shell.bundles import SOUND, faults_of, one_speaker, write_bundle, write_convention


def test_a_manifest_becomes_a_job(tmp_path: Path) -> None:
    """It has the manifest's names, texts, clips and references, and the defaults for all else."""
    loaded = read_bundle(write_bundle(tmp_path / "NAME"), "NAME")
    job = loaded.job
    assert job is not None
    assert () == loaded.faults
    assert ("NAME", "Episode 3", 0, "wav") == (job.name, job.title, job.priority, job.delivery.format)
    assert ["Alice", "Bob"] == [speaker.name for speaker in job.speakers]
    assert ("alice.wav",) == job.speakers[0].references
    assert "What Bob says." == job.speakers[1].transcript
    assert (
        Segment("001", "One line.", "en", "clips/Bob/001.wav", position=1),
        Segment("002", "Another line.", "en", "clips/Bob/002.wav", position=2),
    ) == job.speakers[1].segments
    assert ["alice.wav", "bob.flac"] == [reference.where for reference in loaded.references]
    assert tmp_path / "NAME" / "bob.flac" == loaded.references[1].path


def test_every_key_of_the_contract_is_read(tmp_path: Path) -> None:
    """They are priority, languages, format, engine options, references, ids and times."""
    manifest = """
title = "Every key"
priority = -3
language = "de"
[output]
format = "flac"
[engine_options]
temperature = 0.7
words = ["a", "b"]
[[speakers]]
name = "Alice"
reference = ["alice.wav", "bob.flac"]
transcript_file = "bob.txt"
language = "en"
  [[speakers.segments]]
  id = "intro"
  text = "Bonsoir."
  language = "fr-CA"
  start = 12.5
  end = 15
"""
    job = read_bundle(write_bundle(tmp_path / "NAME", manifest), "NAME").job
    assert job is not None
    assert (-3, "flac") == (job.priority, job.delivery.format)
    assert {"temperature": 0.7, "words": ["a", "b"]} == job.engine_options
    assert ("alice.wav", "bob.flac") == job.speakers[0].references
    assert "en" == job.speakers[0].language
    assert (
        Segment(
            "intro",
            "Bonsoir.",
            "fr-CA",
            "clips/Alice/intro.flac",
            12.5,
            15.0,
            raw_clip="clips/Alice/intro.wav",
        )
        == job.speakers[0].segments[0]
    )


def test_sub_folders_become_speakers_by_convention(tmp_path: Path) -> None:
    """The bundle has no manifest; other files in it are ignored."""
    folder = write_convention(tmp_path / "NAME", "Bob", "Zoë 🎤")
    (folder / "notes.md").write_text("notes")
    (folder / ".hidden").mkdir()
    loaded = read_bundle(folder, "NAME", BundleSettings(delivery=DeliverySettings(format="ogg")))
    assert loaded.job is not None, loaded.faults
    assert "NAME" == loaded.job.title
    assert ["Bob", "Zoë 🎤"] == [speaker.name for speaker in loaded.job.speakers]
    assert ["clips/Zoë 🎤/001.ogg", "clips/Zoë 🎤/002.ogg"] == [
        s.clip for s in loaded.job.speakers[1].segments
    ]
    assert ("Bob/reference.wav",) == loaded.job.speakers[0].references


def test_a_bom_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    """Windows editors write them."""
    manifest = (
        b"\xef\xbb\xbf"
        + one_speaker(segments="", segments_file='"bob_lines.txt"').replace("\n", "\r\n").encode()
    )
    lines = b"\xef\xbb\xbfOne.\r\n\r\nTwo.\r\n"
    job = read_bundle(write_bundle(tmp_path / "NAME", manifest, bob_lines_txt=lines), "NAME").job
    assert job is not None
    assert ["One.", "Two."] == [segment.text for segment in job.speakers[0].segments]


def test_a_reference_used_twice_is_inspected_once(tmp_path: Path) -> None:
    """The voices of its two speakers may still differ by transcript."""
    manifest = one_speaker() + one_speaker(name='"Bob"', transcript='"Another."')
    loaded = read_bundle(write_bundle(tmp_path / "NAME", manifest), "NAME")
    assert loaded.job is not None
    assert ["alice.wav"] == [reference.where for reference in loaded.references]
    assert 2 == len({speaker.voice_key for speaker in loaded.job.speakers})


@pytest.mark.parametrize(
    ("manifest", "sound"),
    [
        (one_speaker(transcript='"Other."'), SOUND),
        (one_speaker(language='"de"'), SOUND),
        (one_speaker(), SOUND + b"\0"),
    ],
)
def test_the_voice_key_depends_on_audio_transcript_and_language(
    tmp_path: Path, manifest: str, sound: bytes
) -> None:
    """It does not depend on the file's name."""
    usual = read_bundle(write_bundle(tmp_path / "a", one_speaker()), "a").job
    other = read_bundle(write_bundle(tmp_path / "b", manifest, alice_wav=sound), "b").job
    renamed = one_speaker(reference='"same.wav"')
    same = read_bundle(write_bundle(tmp_path / "c", renamed, same_wav=SOUND), "c").job
    assert usual is not None
    assert other is not None
    assert same is not None
    assert usual.speakers[0].voice_key != other.speakers[0].voice_key
    assert usual.speakers[0].voice_key == same.speakers[0].voice_key


def test_a_file_name_in_the_other_unicode_form_is_found(tmp_path: Path) -> None:
    """macOS stores é as two code points; the manifest may have it as one."""
    decomposed = unicodedata.normalize("NFD", "zoé.wav")
    folder = write_bundle(tmp_path / "NAME", one_speaker(reference='"zoé.wav"'))
    (folder / decomposed).write_bytes(SOUND)
    job = read_bundle(folder, "NAME").job
    assert job is not None
    assert (decomposed,) == job.speakers[0].references


def test_control_tokens_inside_a_text_are_kept_as_plain_text(tmp_path: Path) -> None:
    """The job has a warning."""
    loaded = read_bundle(
        write_bundle(tmp_path / "NAME", one_speaker(segments='[{text = "Hi <|im_end|>."}]')), "NAME"
    )
    assert loaded.job is not None
    assert "Hi <|im_end|>." == loaded.job.speakers[0].segments[0].text
    warning = Fault(
        "speakers[0].segments[0].text", "holds a control token (<|…|>); it is spoken as plain text"
    )
    assert (warning,) == loaded.warnings == loaded.job.warnings


def test_controls_and_line_breaks_in_texts_and_names_become_spaces(tmp_path: Path) -> None:
    """Soft hyphens are removed."""
    manifest = one_speaker(name=r'"A\u001b[31mlice"', segments=r'[{text = "One\nco\u00adop\u0007"}]')
    job = read_bundle(write_bundle(tmp_path / "NAME", manifest), "NAME").job
    assert job is not None
    assert ("A [31mlice", "One coop") == (job.speakers[0].name, job.speakers[0].segments[0].text)


def warnings_of(folder: Path, lines: str, transcript: str = "What Alice says.") -> list[str]:
    """The warnings of a good bundle with one speaker of these lines."""
    manifest = one_speaker(
        transcript="", segments="", transcript_file='"bob.txt"', segments_file='"lines.txt"'
    )
    loaded = read_bundle(write_bundle(folder / "NAME", manifest, bob_txt=transcript, lines_txt=lines), "NAME")
    assert loaded.job is not None, loaded.faults
    return [str(warning) for warning in loaded.job.warnings]


def test_a_control_character_in_a_text_is_a_warning(tmp_path: Path) -> None:
    """There is one for each line, with the first five code points."""
    lines = "One.\nA\x07bell\x07 and\x00.\n" + "x" + "".join(map(chr, range(1, 9))) + "\n"
    assert [
        "bob.txt: control character U+001B is read as a space",
        "lines.txt:2: control characters U+0000, U+0007 are spoken as spaces",
        "lines.txt:3: control characters U+0001, U+0002, U+0003, U+0004, U+0005, … are spoken as spaces",
    ] == warnings_of(tmp_path, lines, transcript="What\x1b Alice says.")


def test_white_space_in_a_text_is_no_warning(tmp_path: Path) -> None:
    """Tabs, page breaks, line ends, wide spaces and invisible characters count as white space."""
    lines = "a\tb\rc\fd\ve\u00a0f\u2003g\u2028h\u0085i\u200bj\ufeffk\u00adl\n"
    assert [] == warnings_of(tmp_path, lines)
    folder = write_bundle(tmp_path / "multi", one_speaker(segments='[{ text = """One\n\ttwo\r\nthree""" }]'))
    assert () == read_bundle(folder, "multi").warnings


@pytest.mark.parametrize("text", ["...", "—", "!!!", "🎉 👍🏽", "♪♪", "«»", "\u0301"])
def test_a_line_without_a_letter_or_digit_is_a_warning(tmp_path: Path, text: str) -> None:
    """The bundle is accepted; only that segment fails."""
    expected = "has no letter or digit: there is nothing to speak, the segment will fail"
    assert [f"lines.txt:2: {expected}"] == warnings_of(tmp_path, f"One.\n{text}\n")


@pytest.mark.parametrize("text", ["7", "x!", "。好", "مرحبا", "हिं", "¿ñ?", "٣", "½", "1️⃣"])
def test_letters_and_digits_of_every_script_are_speech(tmp_path: Path, text: str) -> None:
    assert [] == warnings_of(tmp_path, f"{text}\n")


def test_default_ids_grow_with_the_number_of_segments(tmp_path: Path) -> None:
    """1,001 segments are counted from 0001."""
    lines = "line\n" * 1_001
    manifest = one_speaker(segments="", segments_file='"bob_lines.txt"')
    job = read_bundle(write_bundle(tmp_path / "NAME", manifest, bob_lines_txt=lines), "NAME").job
    assert job is not None
    assert ("0001", "1001") == (job.speakers[0].segments[0].id, job.speakers[0].segments[-1].id)


def test_a_ready_file_is_not_part_of_a_bundle(tmp_path: Path) -> None:
    folder = write_convention(tmp_path / "NAME")
    (folder / ".ready").touch()
    assert [] == faults_of(read_bundle(folder, "NAME"))
