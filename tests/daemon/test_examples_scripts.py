"""The examples that start from a script, spoken by the preview engine through a real daemon."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from fishd.cli.job_outcome import print_outcome
from tests.assembly.running import ffmpeg, loudness_of
from tests.daemon.daemon_process import EXAMPLES, running_daemon

NAMES = ("subtitled-episode", "game-dialogue", "book")
CHAPTERS = ["The Key", "The Stairs", "The Wick", "The Light"]


@pytest.fixture(scope="module")
def outbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """All three examples, published by one daemon."""
    with running_daemon(tmp_path_factory.mktemp("examples"), {"engine": {"name": "preview"}}) as daemon:
        for name in NAMES:
            daemon.drop(EXAMPLES / name)
        for name in NAMES:
            assert ("done", []) == _status_of(daemon.wait_for_result(name)), name
        yield daemon.spool / "outbox"


def test_an_episode_has_a_mix_and_a_stem_of_each_speaker(outbox: Path) -> None:
    """All of the same length; the result lists them."""
    folder = outbox / "subtitled-episode"
    tracks = _result(folder)["tracks"]
    assert ["tracks/mix.flac", "tracks/Nora.flac", "tracks/Finn.flac"] == [track["path"] for track in tracks]
    assert 1 == len({soundfile.info(folder / track["path"]).frames for track in tracks})


def test_a_sound_is_not_spoken(outbox: Path) -> None:
    assert ["[a bell rings]"] == [line["text"] for line in _result(outbox / "subtitled-episode")["skipped"]]


def test_two_speakers_of_one_cue_take_turns(outbox: Path) -> None:
    rows = _timing(outbox / "subtitled-episode")
    assert ("Nora", "Finn") == (rows["004a"]["speaker"], rows["004b"]["speaker"])
    assert float(rows["004a"]["end_s"]) <= float(rows["004b"]["start_s"])


def test_a_cue_that_interrupts_another_is_spoken_over_it(outbox: Path) -> None:
    rows = _timing(outbox / "subtitled-episode")
    assert float(rows["007"]["wanted_start_s"]) == float(rows["007"]["start_s"]) < float(rows["006"]["end_s"])


def test_only_the_line_that_is_too_long_overruns(outbox: Path) -> None:
    """It is at full speed, and the next speaker waits as long as is allowed."""
    rows = _timing(outbox / "subtitled-episode")
    assert ["005"] == [id_ for id_, row in rows.items() if float(row["overrun_s"])]
    assert ("1.250", "0.500") == (rows["005"]["speed"], rows["006"]["shift_s"])


def test_a_pronunciation_is_spoken_and_the_subtitles_keep_the_spelling(outbox: Path) -> None:
    folder = outbox / "subtitled-episode"
    (said,) = (line["spoken"] for line in _lines(folder) if line.get("spoken"))
    assert "Hello. Shivawn at the ticket desk said you might have my umbrella." == said
    assert "Siobhan" in (folder / "tracks" / "subtitles.srt").read_text("utf-8")


@pytest.mark.parametrize("speaker", ["Nora", "Finn"])
def test_each_stem_has_the_loudness_that_was_asked_for(outbox: Path, speaker: str) -> None:
    lufs, peak = loudness_of(outbox / "subtitled-episode" / "tracks" / f"{speaker}.flac")
    assert -16.0 == pytest.approx(lufs, abs=0.5)
    assert peak <= -1.0


def test_a_table_becomes_clips_named_by_its_ids(outbox: Path) -> None:
    """With `;`, a byte order mark and columns of the studio's own names; a sound has no clip."""
    clips = (outbox / "game-dialogue" / "clips").rglob("*.*")
    assert [
        "Scout/camp_scout_riders.ogg",
        "Scout/gate_scout_apple.ogg",
        "Scout/gate_scout_reason.ogg",
        "Warden/camp_warden_north.ogg",
        "Warden/gate_warden_halt.ogg",
        "Warden/gate_warden_open.ogg",
        "Warden/gate_warden_pie.ogg",
    ] == sorted(f"{clip.parent.name}/{clip.name}" for clip in clips)
    result = _result(outbox / "game-dialogue")
    assert (["gate_warden_sniff"], []) == ([line["id"] for line in result["skipped"]], result["tracks"])


@pytest.mark.parametrize("speaker", ["Warden", "Scout"])
def test_a_characters_clips_together_have_the_loudness(outbox: Path, tmp_path: Path, speaker: str) -> None:
    clips = sorted((outbox / "game-dialogue" / "clips" / speaker).iterdir())
    playlist = tmp_path / "clips.txt"
    playlist.write_text("".join(f"file '{clip}'\n" for clip in clips))
    joined = tmp_path / "joined.wav"
    ffmpeg("-v", "error", "-f", "concat", "-safe", 0, "-i", playlist, joined)
    lufs, peak = loudness_of(joined)
    assert -16.0 == pytest.approx(lufs, abs=0.5)
    assert peak <= -1.0


def test_a_book_has_chapters_title_author_and_cover(outbox: Path) -> None:
    shown = ffmpeg(
        *("-v", "error", "-of", "json", "-show_chapters", "-show_format", "-show_streams"),
        *(outbox / "book" / "book.m4b",),
        tool="ffprobe",
    )
    book = json.loads(shown.stdout)
    assert CHAPTERS == [chapter["tags"]["title"] for chapter in book["chapters"]]
    tags = book["format"]["tags"]
    assert ("The Lamp Room", "Ines Harrow") == (tags["title"], tags["artist"])
    assert [("png", 400, 600)] == [
        (stream["codec_name"], stream["width"], stream["height"])
        for stream in book["streams"]
        if stream["disposition"]["attached_pic"]
    ]


def test_the_titles_of_its_chapters_are_spoken(outbox: Path) -> None:
    assert CHAPTERS == [line["text"] for line in _lines(outbox / "book") if line["text"] in CHAPTERS]


def test_submit_prints_where_to_listen(outbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The tracks, then the folder."""
    print_outcome(outbox / "book")
    *_, mix, book, folder = capsys.readouterr().out.splitlines()
    assert ["tracks/mix.flac", "book.m4b", "."] == [
        str(Path(path).relative_to(outbox / "book")) for path in (mix, book, folder)
    ]


def test_the_epub_is_what_its_script_makes(tmp_path: Path) -> None:
    made = tmp_path / "lamp-room.epub"
    subprocess.run([sys.executable, EXAMPLES / "make_book.py", made], check=True, capture_output=True)
    assert _members(EXAMPLES / "book" / "lamp-room.epub") == _members(made)


def _status_of(result: dict[str, Any]) -> tuple[str, list[Any]]:
    return result["status"], result["warnings"]


def _result(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_bytes())


def _lines(folder: Path) -> list[dict[str, Any]]:
    return [line for speaker in _result(folder)["speakers"] for line in speaker["segments"]]


def _timing(folder: Path) -> dict[str, dict[str, str]]:
    rows = csv.DictReader(io.StringIO((folder / "tracks" / "timing.csv").read_text("utf-8")))
    return {row["id"]: row for row in rows}


def _members(book: Path) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(book) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]
