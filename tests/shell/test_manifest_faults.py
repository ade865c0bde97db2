"""Every fault of a manifest is reported with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishd.core.config.keys import ENGINE_OPTION
from tests.shell.bundles import faults_in, one_speaker

TEXT = "speakers[0].segments[0].text"
ID, OTHER_ID = "speakers[0].segments[1].id", "speakers[0].segments[0].id"

KEYS = "title, priority, language, output, quality, engine_options, pronounce, script, speakers"
ADD_REFERENCE = 'add reference = "clip.wav", or voice = "…" from the voice library'

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
        ["zzz: is not a known key; known are " + KEYS],
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
        ['output.format: is "aac"; must be "wav", "flac", "ogg", "opus" or "mp3"'],
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
            f"speakers[0]: has no reference clip; {ADD_REFERENCE}",
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
        ['speakers[1].name: "Alice" occurs twice; the other is speakers[0].name'],
    ),
    "two segments of one id": (
        one_speaker(segments='[{ id = "a", text = "Hi." }, { id = "a", text = "Ho." }]'),
        [
            f'{ID}: "a" occurs twice; the other is {OTHER_ID}',
        ],
    ),
    "an id that is another's default": (
        one_speaker(segments='[{ id = "002", text = "Hi." }, { text = "Ho." }]'),
        [
            f'{ID}: "002" occurs twice; the other is {OTHER_ID}',
        ],
    ),
}


@pytest.mark.parametrize(("manifest", "expected"), MANIFESTS.values(), ids=MANIFESTS.keys())
def test_a_bad_manifest_is_reported_with_its_places(
    tmp_path: Path, manifest: str | bytes, expected: list[str]
) -> None:
    """The list of faults is exact."""
    assert expected == faults_in(tmp_path, manifest)


def test_a_number_with_too_many_digits_is_reported(tmp_path: Path) -> None:
    """The message is Python's own, which differs between versions."""
    (fault,) = faults_in(tmp_path, "title = " + "9" * 5_000)
    assert fault.startswith("job.toml: is not valid TOML: Exceeds the limit")
