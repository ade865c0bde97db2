"""Every way in which subtitles can be wrong is reported with its line and cue; all of them together."""

from __future__ import annotations

import pytest

from tests.shell.scripts import faults_of, read, srt, texts
from tests.shell.test_script_subtitles import ASS

SPAN = "is not a time span; write 00:01:02,500 --> 00:01:05,000"
NO_TIME_LINE = "has no time line; write 00:01:02,500 --> 00:01:05,000"

FAULTS = {
    "broken times": (
        "a.srt",
        (
            "1\n00:00:xx,000 --> 00:00:02,000\nOne.\n\n2\n00:00:61,000 --> 00:01:02,000\nTwo.\n\n"
            "3\n00:00:03,000 -->\nThree.\n\n4\n00:00:04:000 --> 00:00:05:000\nFour.\n"
        ),
        [
            f'a.srt:2 (cue 1): "00:00:xx,000 --> 00:00:02,000" {SPAN}',
            f'a.srt:6 (cue 2): "00:00:61,000 --> 00:01:02,000" {SPAN}',
            f'a.srt:10 (cue 3): "00:00:03,000 -->" {SPAN}',
            f'a.srt:14 (cue 4): "00:00:04:000 --> 00:00:05:000" {SPAN}',
        ],
    ),
    "ends before starts": (
        "a.srt",
        "1\n00:00:05,000 --> 00:00:04,500\nOne.\n\n2\n00:00:06,000 --> 00:00:06,000\nTwo.\n",
        [
            "a.srt:2 (cue 1): ends at 00:00:04,500, which is not after its start at 00:00:05,000",
            "a.srt:6 (cue 2): ends at 00:00:06,000, which is not after its start at 00:00:06,000",
        ],
    ),
    "a missing time line": (
        "a.srt",
        "1\n00:00:01,000 --> 00:00:02,000\nOne.\n\n2\nTwo.\n\n3\n00:00:03,000 --> 00:00:04,000\nThree.\n",
        [f"a.srt:5 (cue 2): {NO_TIME_LINE}"],
    ),
    "a file that ends in the middle": (
        "a.srt",
        "1\n00:00:01,000 --> 00:00:02,000\nOne.\n\n2\n00:00:0",
        [f"a.srt:5 (cue 2): {NO_TIME_LINE}"],
    ),
    "a file that ends in a time line": (
        "a.srt",
        "1\n00:00:01,000 --> 00:00:02,000\nOne.\n\n2\n00:00:03,000 --> 00:0",
        [f'a.srt:6 (cue 2): "00:00:03,000 --> 00:0" {SPAN}'],
    ),
    "text in front": (
        "a.srt",
        "\nThis is my file.\n\n1\n00:00:01,000 --> 00:00:02,000\nOne.\n",
        ['a.srt:2: "This is my file." stands in front of the first time line; remove it'],
    ),
    "no cue": (
        "a.srt",
        "Just a text. A --> B.\n",
        ["a.srt: has no cues: no line reads like 00:01:02,500 --> 00:01:05,000"],
    ),
    "nothing but empty cues": ("a.srt", srt("", ""), ["a.srt: holds nothing to speak"]),
    "text outside of cues": (
        "a.vtt",
        "WEBVTT\n\n00:01.000 --> 00:02.000\nOne.\n\nTwo.\nThree.\n\nid\n00:03.000 --> 2\nFour.\n",
        [
            'a.vtt:6: "Two." is outside of a cue; write its times in the line above it',
            f'a.vtt:10 (cue id): "00:03.000 --> 2" {SPAN}',
        ],
    ),
    "a cue in another": (
        "a.vtt",
        "WEBVTT\n\n00:01.000 --> 00:02.000\nOne.\n00:03.000 --> 00:04.000\nTwo.\n",
        ['a.vtt:5: "00:03.000 --> 00:04.000" needs a blank line in front of its cue'],
    ),
    "a text without end": (
        "a.srt",
        srt("One.", "x" * 25_000),
        ["a.srt:6 (cue 2): has 25,002 characters; is a time line missing in it?"],
    ),
    "dialogue that is cut off": (
        "a.ass",
        ASS + "Dialogue: 0,0:00:01.00,0:00:02.00,Default\n"
        "Dialogue: 0,0:00:01.00,later,Default,,0,0,0,,Two.\n"
        "Dialogue: 0,0:00:03.00,0:00:02.00,Default,,0,0,0,,Three.\n",
        [
            "a.ass:8 (cue 1): has 4 fields; its Format line names 10",
            'a.ass:9 (cue 2): "0:00:01.00,later" are not a start and an end; write 0:01:02.50,0:01:05.00',
            "a.ass:10 (cue 3): ends at 00:00:02,000, which is not after its start at 00:00:03,000",
        ],
    ),
    "no dialogue": ("a.ass", ASS, ["a.ass: has no Dialogue line in an [Events] section"]),
    "control characters": (
        "a.srt",
        "1\n00:00:0\x1b[31m1 --> 00:00:\u202e02,000\nOne.\n",
        [f'a.srt:2 (cue 1): "00:00:0 [31m1 --> 00:00:02,000" {SPAN}'],
    ),
}


@pytest.mark.parametrize(("name", "content", "faults"), FAULTS.values(), ids=FAULTS.keys())
def test_what_is_wrong_is_reported_with_its_place(name: str, content: str, faults: list[str]) -> None:
    """All of it at once."""
    assert faults == faults_of(read(name, content))


def test_lines_without_faults_are_read_beside_those_with() -> None:
    """So that every fault behind the first is found."""
    content = srt("One.").replace("00:00:01,900", "never") + srt("Two.")
    assert ["Two."] == texts(read("a.srt", content).lines)


def test_a_name_that_would_harm_a_terminal_is_made_harmless() -> None:
    """Faults are printed."""
    assert ["_[31m_.srt: is empty (0 bytes)"] == faults_of(read("\x1b[31m\u202e.srt", ""))
