"""`fishd listen` over folders of clips and over results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.listener.material import Recorded, recogniser, recorded
from tests.shell.cli import fishd

ROSS, MOSS = recorded("Ross"), recorded("Doctor Moss")
NO_WORDS = "words are not checked: name a faster-whisper model, by --recogniser or quality.recogniser"


def put(folder: Path, name: str, speaker: Recorded, text: str, length: float = 1.0) -> None:
    """A clip of the speaker's recording up to a share of it, and a text beside it."""
    folder.mkdir(exist_ok=True)
    speaker.write(folder / f"{name}.wav", speaker.part(0, length))
    (folder / f"{name}.txt").write_text(text, encoding="utf-8")


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A good clip, and one whose ending is lost."""
    put(tmp_path / "clips", "a-good", ROSS, ROSS.text)
    put(tmp_path / "clips", "b-cut", MOSS, MOSS.text, 0.6)
    return tmp_path / "clips"


def test_doubtful_clips_come_first_and_make_the_exit_code_1(clips: Path) -> None:
    ended = fishd("listen", clips, "--recogniser", recogniser(), cwd=clips.parent)

    first, text, last = ended.stdout.splitlines()
    assert first.startswith("✗ b-cut.wav: ")
    assert "leaves out «" in first
    assert "better by then»" in first
    assert f"    {MOSS.text}" == text
    assert ("✗ 1 doubtful of 2 clips", 1) == (last, ended.returncode)


def test_good_clips_make_the_exit_code_0(clips: Path) -> None:
    (clips / "b-cut.wav").unlink()

    ended = fishd("listen", clips, "--recogniser", recogniser(), cwd=clips.parent)

    assert ("✓ 0 doubtful of 1 clip\n", 0) == (ended.stdout, ended.returncode)


def test_json_has_every_clip(clips: Path) -> None:
    ended = fishd("listen", clips, "--json", "--recogniser", recogniser(), cwd=clips.parent)

    report = json.loads(ended.stdout)
    assert (1, True) == (report["doubtful"], report["listened"])
    assert ["b-cut.wav", "a-good.wav"] == [clip["clip"] for clip in report["clips"]]
    good = report["clips"][1]
    assert ([], 0.0, None) == (good["faults"], good["wer"], good["unheard"])
    assert good["heard"].startswith("Good morning to all ships")


def test_without_a_recogniser_the_signal_is_checked(tmp_path: Path) -> None:
    put(tmp_path / "clips", "good", ROSS, ROSS.text)
    put(tmp_path / "clips", "half", ROSS, ROSS.text + " " + MOSS.text)

    ended = fishd("listen", tmp_path / "clips", cwd=tmp_path)

    assert 1 == ended.returncode
    assert ended.stdout.startswith("✗ half.wav: ")
    assert f"! {NO_WORDS}" == ended.stdout.splitlines()[-1]


def test_what_is_no_audio_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"RIFF")
    (tmp_path / "x.txt").write_text("A text.", encoding="utf-8")

    ended = fishd("listen", tmp_path, cwd=tmp_path)

    assert (
        "✗ x.wav: not audio that can be read; give it as WAV, FLAC, OGG or MP3"
        == ended.stdout.splitlines()[0]
    )


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["nowhere"], "fishd: nowhere: is neither a result nor a folder of clips\n"),
        (["."], "fishd: .: has no result.json, and no clip with its text beside it: NAME.wav, NAME.txt\n"),
        (
            [".", "--recogniser", "."],
            "fishd: --recogniser: . is no faster-whisper model: it has no model.bin and no tokenizer.json\n",
        ),
    ],
)
def test_a_target_or_a_recogniser_that_cannot_be_used_is_a_usage_error(
    tmp_path: Path, arguments: list[str], fault: str
) -> None:
    ended = fishd("listen", *arguments, cwd=tmp_path)

    assert (2, fault) == (ended.returncode, ended.stderr)
