"""submit, --wait, status and logs with a real daemon."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.bundles import make_bundle
from tests.daemon.running import EXAMPLES, LIMIT_S, Running, running
from tests.shell.cli import command, environ, fishd, on_a_terminal


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One that speaks every line but those with "Nonsense"."""
    with running(tmp_path_factory.mktemp("daemon"), faults={"Nonsense": "refuse"}) as served:
        yield served


def test_submit_drops_and_names_the_job(daemon: Running, tmp_path: Path) -> None:
    """The result's name is on stdout, messages are on stderr."""
    said = fishd("submit", make_bundle(tmp_path / "plain"), cwd=daemon.folder)

    assert (0, "plain\n") == (said.returncode, said.stdout)
    assert "plain is in the inbox (2 files" in said.stderr
    assert "done" == daemon.wait_for_result("plain")["status"]


def test_wait_ends_with_the_outcome_and_the_results_path(daemon: Running, tmp_path: Path) -> None:
    """Plain lines on stderr where there is no terminal."""
    bundle = make_bundle(tmp_path / "waited", {"Ada": ["One.", "Two."]}, title="Two lines")
    said = fishd("submit", "--wait", bundle, cwd=daemon.folder)

    assert 0 == said.returncode
    assert "✓ Done" in said.stdout
    assert "All 2 segments are spoken" in said.stdout
    assert f"{daemon.spool}/outbox/waited\n" == said.stdout.splitlines(keepends=True)[-1]
    assert said.stderr.endswith("fishd: waited: published\n")


def test_wait_says_what_went_wrong(daemon: Running, tmp_path: Path) -> None:
    """Partial and rejected jobs give exit code 1, each with its faults."""
    partial = make_bundle(tmp_path / "partial", {"Ada": ["Good.", "Nonsense."]})
    rejected = make_bundle(tmp_path / "rejected", {"Ada": [" "]})
    said = fishd("submit", "--wait", partial, rejected, cwd=daemon.folder)

    assert 1 == said.returncode
    assert "! Partial" in said.stdout
    assert "A retry cannot help: fix the text or the reference" in said.stdout
    assert "✗ Rejected" in said.stdout
    assert "is empty" in said.stdout


def test_the_others_are_dropped_when_one_cannot_be(daemon: Running, tmp_path: Path) -> None:
    """And the exit code still reports the failure."""
    said = fishd("submit", tmp_path / "none", make_bundle(tmp_path / "other"), cwd=daemon.folder)

    assert (2, "other\n") == (said.returncode, said.stdout)
    assert f"{tmp_path}/none: does not exist" in said.stderr


def test_a_bundle_submitted_twice_is_spoken_twice(daemon: Running, tmp_path: Path) -> None:
    """Under two names, which they keep to the archive."""
    bundle = make_bundle(tmp_path / "twice")
    first = fishd("submit", "--wait", bundle, cwd=daemon.folder)
    second = fishd("submit", "--wait", bundle, cwd=daemon.folder)

    assert (0, 0) == (first.returncode, second.returncode)
    assert "outbox/twice-2\n" in second.stdout
    daemon.wait_until((daemon.spool / "archive" / "twice-2").exists, "the archived bundle")


def test_an_archive_is_submitted_like_its_folder(daemon: Running, tmp_path: Path) -> None:
    """The job is named without the ending, the archived bundle with it, and a retry finds it."""
    source = make_bundle(tmp_path / "packed", {"Ada": ["Good.", "Nonsense."]})
    archive = Path(shutil.make_archive(str(source), "gztar", source))
    said = fishd("submit", "--wait", archive, cwd=daemon.folder)
    kept = daemon.spool / "archive" / "packed.tar.gz"
    daemon.wait_until(kept.exists, "the archived bundle")
    again = fishd("retry", "packed", cwd=daemon.folder)

    assert (1, True) == (said.returncode, f"{daemon.spool}/outbox/packed\n" in said.stdout)
    assert "packed is in the inbox (1 file, " in said.stderr
    assert archive.read_bytes() == kept.read_bytes()
    assert (0, "packed-retry\n") == (again.returncode, again.stdout)
    assert "partial" == daemon.wait_for_result("packed-retry")["status"]


def test_on_a_terminal_a_bar_is_drawn_and_erased(daemon: Running) -> None:
    """The outcome stays, in colour."""
    shown = on_a_terminal("submit", "--wait", EXAMPLES / "episode", cwd=daemon.folder)

    assert "━" in shown
    assert "All 46 segments are spoken" in shown
    assert "\x1b[1;32m✓ Done" in shown


def test_status_shows_workers_and_counts(daemon: Running) -> None:
    """As tables, and the same as JSON."""
    said = fishd("status", cwd=daemon.folder)
    told = json.loads(fishd("status", "--json", cwd=daemon.folder).stdout)

    assert 0 == said.returncode
    assert "● running  fishd" in said.stdout
    assert "Worker 1" in said.stdout
    assert ("running", None, 2) == (told["state"], told["trouble"], len(told["workers"]))
    assert max(map(len, said.stdout.splitlines())) <= 80


def test_watch_off_a_terminal_shows_the_state_once(daemon: Running) -> None:
    """A pipe is not redrawn."""
    assert "● running  fishd" in fishd("status", "--watch", cwd=daemon.folder).stdout


def test_logs_prints_a_jobs_own_lines(daemon: Running, tmp_path: Path) -> None:
    """From the outbox when it is published; an unknown job gives exit code 1."""
    fishd("submit", "--wait", make_bundle(tmp_path / "told"), cwd=daemon.folder)
    said, none = fishd("logs", "told", cwd=daemon.folder), fishd("logs", "none", cwd=daemon.folder)

    assert (0, (daemon.spool / "outbox/told/job.log").read_text()) == (said.returncode, said.stdout)
    assert (1, True) == (none.returncode, "none: no such job" in none.stderr)


def test_doctor_leaves_the_engine_to_a_running_daemon(daemon: Running) -> None:
    """There may be no memory for another."""
    said = fishd("doctor", cwd=daemon.folder)

    assert 0 == said.returncode
    assert "Engine: tests.engines.noop:factory: in use by the daemon" in said.stdout


def test_what_is_submitted_before_a_daemon_runs_is_spoken_when_one_does(tmp_path: Path) -> None:
    """--wait reports what it waits for and continues waiting."""
    bundle = make_bundle(tmp_path / "early")
    later = Running(tmp_path / "home", {})
    for name in ("inbox", "work", "outbox", "archive"):
        (later.spool / name).mkdir(parents=True)
    with subprocess.Popen(
        command("submit", "--wait", bundle),
        cwd=later.folder,
        env=environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as waiting:
        assert waiting.stderr
        heard = [waiting.stderr.readline() for _ in range(3)]
        later.start()
        out, _ = waiting.communicate(timeout=LIMIT_S)
        later.stop()

    assert "no daemon has run here" in heard[1]
    assert heard[2].startswith("fishd: early: waiting: ")
    assert (0, True) == (waiting.returncode, "✓ Done" in out)


def test_a_job_that_is_taken_away_ends_the_waiting(tmp_path: Path) -> None:
    """With exit code 1."""
    home = Running(tmp_path / "home", {})
    for name in ("inbox", "work", "outbox", "archive"):
        (home.spool / name).mkdir(parents=True)
    with subprocess.Popen(
        command("submit", "--wait", make_bundle(tmp_path / "gone")),
        cwd=home.folder,
        env=environ(),
        stderr=subprocess.PIPE,
        text=True,
    ) as waiting:
        assert waiting.stderr
        for _ in range(3):
            waiting.stderr.readline()
        (home.spool / "inbox" / "gone").rename(tmp_path / "back")
        _, said = waiting.communicate(timeout=LIMIT_S)

    assert 1 == waiting.returncode
    assert "gone: is no longer in the inbox or in work" in said
