"""Scripts that are submitted alone, and jobs that are being assembled, as the commands show them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from fishd.spool.root import make_folders
from tests.daemon.bundles import make_voice
from tests.daemon.daemon_process import DaemonProcess, started_daemon
from tests.shell.cli import LIMIT_S, ROOT, command, environ, fishd
from tests.shell.scripts import srt

BOOK = "# The Boat\n\nIt rained.\n\nIt poured.\n\n# The Sea\n\nCalm.\n"
# Read by the interpreter at its start: the assembly process waits until the named pipe is written to.
GATE = """
import os, sys
if "fishd.assembly" in sys.orig_argv:
    open(os.environ["GATE"]).close()
"""


def daemon_with_a_voice(folder: Path) -> DaemonProcess:
    config = {
        "voices": {"default": "Ada"},
        "output": {"loudness": -20},
        "engine": {"options": {"tone_s": 1.0}},  # shorter clips have no loudness
    }
    daemon = DaemonProcess(folder, config)
    make_voice(folder / "voices" / "Ada")
    make_folders(daemon.spool)
    return daemon


def test_a_lone_script_becomes_tracks_that_the_summary_lists(tmp_path: Path) -> None:
    """The job is named without the ending; the summary has tracks, chapters and levels."""
    daemon = daemon_with_a_voice(tmp_path / "daemon")
    (tmp_path / "book.md").write_text(BOOK)
    with started_daemon(daemon):
        ended = fishd("submit", "--wait", tmp_path / "book.md", cwd=daemon.folder)

    assert 0 == ended.returncode, ended.stderr
    assert "fishd: book is in the inbox (1 file, " in ended.stderr
    assert f"{daemon.spool}/outbox/book\n" == ended.stdout.splitlines(keepends=True)[-1]
    summary = (daemon.spool / "outbox/book/summary.txt").read_text()
    rows = [" ".join(line.split()) for line in summary.splitlines()]
    for title in ("Tracks", "Chapters", "Levels"):
        assert title in rows
    assert any(row.startswith("tracks/mix.flac 00:") for row in rows)
    assert any(row.startswith("The Boat 00:00 00:") for row in rows)
    assert "Ada -9.9 LUFS -10.1 dB" in rows
    chapters = daemon.result("book")["chapters"]
    assert ["The Boat", "The Sea"] == [chapter["title"] for chapter in chapters]
    assert chapters[0]["end_s"] == chapters[1]["start_s"]
    assert chapters[1]["end_s"] == round(daemon.result("book")["tracks"][0]["duration_s"], 3)


def test_a_job_that_is_being_assembled_is_shown_as_such(tmp_path: Path) -> None:
    """By `fishd status` and `fishd submit --wait`, with its segments."""
    daemon = daemon_with_a_voice(tmp_path / "daemon")
    (tmp_path / "episode.srt").write_text(srt("Who is there?", "[door]", "Only me."))
    (tmp_path / "sitecustomize.py").write_text(GATE)
    env = {"PYTHONPATH": f"{ROOT}:{tmp_path}", "GATE": str(tmp_path / "pipe")}
    subprocess.run(["mkfifo", tmp_path / "pipe"], check=True)
    with (
        started_daemon(daemon, env=env),
        subprocess.Popen(
            command("submit", "--wait", tmp_path / "episode.srt"),
            cwd=daemon.folder,
            env=environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as submit,
    ):
        assert submit.stderr
        seen = next(line for line in submit.stderr if "assembling" in line)
        shown = fishd("status", cwd=daemon.folder)
        (tmp_path / "pipe").write_text("")
        out, _ = submit.communicate(timeout=LIMIT_S)

    assert "fishd: episode: assembling, 2/2 segments\n" == seen
    assert "episode assembling 2/2 ━━━━━━━━━━" in " ".join(shown.stdout.split())
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert (0, True) == (submit.returncode, "All 2 segments are spoken" in out)
    assert "[door] 002 00:02" in " ".join((daemon.spool / "outbox/episode/summary.txt").read_text().split())
