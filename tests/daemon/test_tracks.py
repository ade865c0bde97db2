"""From a script in the inbox to tracks in the outbox, through a real daemon and a real assembly process."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import soundfile

from tests.daemon.bundles import make_voice
from tests.daemon.daemon_process import read_ledger, running_daemon

SRT = """1
00:00:01,000 --> 00:00:02,000
ADA: Who is there?

2
00:00:03,000 --> 00:00:04,000
[door slams]

3
00:00:05,000 --> 00:00:06,000
BOB: Only me.
"""


def make_cast(folder: Path, script: str = SRT, name: str = "episode.srt") -> Path:
    """A script with a folder for each of its two speakers."""
    folder.mkdir(parents=True)
    (folder / name).write_text(script, encoding="utf-8")
    for speaker in ("Ada", "Bob"):
        make_voice(folder / speaker)
    return folder


def test_a_subtitle_file_becomes_a_mix_stems_subtitles_and_timings(tmp_path: Path) -> None:
    """Every line at its own time, to the sample; the result lists it all."""
    output = {"output": {"tracks": ["mix", "speakers"]}}
    with running_daemon(tmp_path / "daemon", output) as daemon:
        daemon.drop(make_cast(tmp_path / "episode"))
        result = daemon.wait_for_result("episode")
        folder = daemon.spool / "outbox" / "episode"
        assert [("tracks/mix.flac", 6.0), ("tracks/Ada.flac", 6.0), ("tracks/Bob.flac", 6.0)] == [
            (track["path"], track["duration_s"]) for track in result["tracks"]
        ]
        mix, rate = soundfile.read(folder / "tracks" / "mix.flac", dtype="int16")
        ada, _ = soundfile.read(folder / "tracks" / "Ada.flac", dtype="int16")
        bob, _ = soundfile.read(folder / "tracks" / "Bob.flac", dtype="int16")
        clip, _ = soundfile.read(folder / "clips" / "Bob" / "003.wav", dtype="int16")
        assert len(mix) == len(ada) == len(bob)
        assert clip.tolist() == mix[5 * rate : 5 * rate + len(clip)].tolist()
        assert not ada[2 * rate :].any()
        timing = (folder / "tracks" / "timing.csv").read_text("utf-8")
        rows = list(csv.DictReader(io.StringIO(timing)))
        assert [("001", "1.000"), ("003", "5.000")] == [(row["id"], row["start_s"]) for row in rows]
        assert "Only me." in (folder / "tracks" / "subtitles.srt").read_text("utf-8")
        assert [("002", "[door slams]")] == [(line["id"], line["text"]) for line in result["skipped"]]
        segments = {s["id"]: s for speaker in result["speakers"] for s in speaker["segments"]}
        assert (5.0, 6.0, 5.0, 1.0) == tuple(
            segments["003"][key] for key in ("start_s", "end_s", "at_s", "speed")
        )
        daemon.wait_until(lambda: not list((daemon.spool / "work").iterdir()), "work/ to be empty")


def test_clips_are_levelled_and_encoded(tmp_path: Path) -> None:
    """A table's rows become .ogg files named by id, at one loudness for each speaker."""
    table = "id,speaker,text\nhello,Ada,Good evening.\nbye,Bob,Good night.\n"
    output = {"output": {"format": "ogg", "loudness": -23}}
    with running_daemon(tmp_path / "daemon", output, tone_s=1.0) as daemon:
        daemon.drop(make_cast(tmp_path / "game", table, "lines.csv"))
        result = daemon.wait_for_result("game")
        clips = sorted(path.name for path in (daemon.spool / "outbox" / "game" / "clips").rglob("*.*"))
        assert ["bye.ogg", "hello.ogg"] == clips
        assert all(speaker["gain_db"] is not None for speaker in result["speakers"])
        assert ["clips/Ada/hello.ogg", "clips/Bob/bye.ogg"] == [
            s["clip"] for speaker in result["speakers"] for s in speaker["segments"]
        ]


def test_a_dropped_again_job_of_levelled_clips_reuses_its_takes(tmp_path: Path) -> None:
    """Its clips are not what was spoken; the takes are kept beside the archive."""
    output = {"output": {"format": "ogg", "loudness": -23}}
    ledger = tmp_path / "ledger"
    with running_daemon(tmp_path / "daemon", output, tone_s=1.0, ledger=str(ledger)) as daemon:
        for name in ("episode", "episode-2"):
            daemon.drop(make_cast(tmp_path / name), "episode")
            result = daemon.wait_for_result(name)
            assert "done" == result["status"]
        assert {"Who is there?": 1, "Only me.": 1} == dict(read_ledger(ledger))


def test_a_failed_line_is_silence_in_the_track(tmp_path: Path) -> None:
    """The others keep their times; the result says so."""
    with running_daemon(tmp_path / "daemon", faults={"Who is": "refuse"}) as daemon:
        daemon.drop(make_cast(tmp_path / "episode"))
        result = daemon.wait_for_result("episode")
        assert "partial" == result["status"]
        assert "1 line failed: the tracks are silent there" in [w["what"] for w in result["warnings"]]
        mix, rate = soundfile.read(daemon.spool / "outbox" / "episode" / "tracks" / "mix.flac", dtype="int16")
        assert not mix[: 5 * rate].any()
        assert mix[5 * rate :].any()


def test_a_lone_script_is_spoken_by_the_default_voice(tmp_path: Path) -> None:
    """book.txt in the inbox, a voice in the library; the archive has the file under its name."""
    config = {"voices": {"default": "Ada"}}
    with running_daemon(tmp_path / "daemon", config) as daemon:
        make_voice(daemon.folder / "voices" / "Ada")
        part = daemon.folder / "book.txt"
        part.write_text("It rained. It poured.\n\nThen it stopped.\n", encoding="utf-8")
        shutil.move(part, daemon.spool / "inbox" / "book.txt")
        result = daemon.wait_for_result("book")
        assert ("done", 2) == (result["status"], result["totals"]["done"])
        daemon.wait_until((daemon.spool / "archive" / "book.txt").exists, "the script in the archive")


def test_a_hook_runs_after_each_publication(tmp_path: Path) -> None:
    """With the result's folder, and job, status and path in its environment."""
    told = tmp_path / "told"
    command = ["/bin/sh", "-c", f'echo "$FISHD_JOB $FISHD_STATUS $FISHD_PATH $0" >> {told}', "{path}"]
    with running_daemon(tmp_path / "daemon", {"hooks": {"published": command}}) as daemon:
        daemon.drop(make_cast(tmp_path / "episode"))
        daemon.wait_for_result("episode")
        path = daemon.spool / "outbox" / "episode"
        daemon.wait_until(told.exists, "the hook")
        assert f"episode done {path} {path}\n" == told.read_text()
        daemon.wait_until(lambda: not list((daemon.spool / ".hooks").iterdir()), "its mark to go")


def test_a_hook_that_fails_or_is_missing_is_reported_and_stops_nothing(tmp_path: Path) -> None:
    """Its output is in the log, its failure in the status."""
    command = ["/bin/sh", "-c", "echo no thanks; exit 3"]
    with running_daemon(tmp_path / "daemon", {"hooks": {"published": command}}) as daemon:
        daemon.drop(make_cast(tmp_path / "one"))
        daemon.wait_for_log("[Hook] one: no thanks")
        daemon.wait_for_log("[Hook] one: /bin/sh ended with status 3")
        daemon.write_config({"hooks": {"published": ["/no/such/program"]}})
        daemon.wait_for_log("the configuration was reloaded")
        daemon.drop(make_cast(tmp_path / "two"))
        daemon.wait_for_log("[Hook] two: /no/such/program cannot be run")
        daemon.wait_until(lambda: "hook of two" in str(daemon.status().get("errors")), "it in the status")
