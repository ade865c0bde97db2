"""`fishd submit`, `status`, `logs` and `doctor` with a real daemon."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fishd.spool.root import make_folders
from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import EXAMPLES, DaemonProcess, running_daemon, started_daemon
from tests.shell.cli import LIMIT_S, command, environ, fishd, on_a_terminal


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A daemon that refuses lines with "Nonsense" and speaks all others."""
    with running_daemon(tmp_path_factory.mktemp("daemon"), faults={"Nonsense": "refuse"}) as daemon:
        yield daemon


def test_submit_drops_the_bundle_and_prints_the_jobs_name(daemon: DaemonProcess, tmp_path: Path) -> None:
    """The name goes to stdout, messages to stderr."""
    ended = fishd("submit", make_bundle(tmp_path / "plain"), cwd=daemon.folder)

    assert (0, "plain\n") == (ended.returncode, ended.stdout)
    assert "plain is in the inbox (2 files" in ended.stderr
    assert "done" == daemon.wait_for_result("plain")["status"]


def test_submit_wait_prints_the_outcome_and_the_path_of_the_result(
    daemon: DaemonProcess, tmp_path: Path
) -> None:
    """Without a terminal the progress is plain lines on stderr."""
    bundle = make_bundle(tmp_path / "waited", {"Ada": ["One.", "Two."]}, title="Two lines")
    ended = fishd("submit", "--wait", bundle, cwd=daemon.folder)

    assert 0 == ended.returncode
    assert "✓ Done" in ended.stdout
    assert "All 2 segments are spoken" in ended.stdout
    assert f"{daemon.spool}/outbox/waited\n" == ended.stdout.splitlines(keepends=True)[-1]
    assert ended.stderr.endswith("fishd: waited: published\n")


def test_submit_wait_prints_the_faults_of_partial_and_rejected_jobs(
    daemon: DaemonProcess, tmp_path: Path
) -> None:
    """The exit code is 1."""
    partial = make_bundle(tmp_path / "partial", {"Ada": ["Good.", "Nonsense."]})
    rejected = make_bundle(tmp_path / "rejected", {"Ada": [" "]})
    ended = fishd("submit", "--wait", partial, rejected, cwd=daemon.folder)

    assert 1 == ended.returncode
    assert "! Partial" in ended.stdout
    assert "A retry cannot help: fix the text or the reference" in ended.stdout
    assert "✗ Rejected" in ended.stdout
    assert "is empty" in ended.stdout


def test_one_missing_bundle_does_not_prevent_the_others_from_being_dropped(
    daemon: DaemonProcess, tmp_path: Path
) -> None:
    """The exit code still reports the failure."""
    ended = fishd("submit", tmp_path / "none", make_bundle(tmp_path / "other"), cwd=daemon.folder)

    assert (2, "other\n") == (ended.returncode, ended.stdout)
    assert f"{tmp_path}/none: does not exist" in ended.stderr


def test_a_bundle_submitted_twice_is_spoken_twice(daemon: DaemonProcess, tmp_path: Path) -> None:
    """The jobs have two names, which are the same in the archive."""
    bundle = make_bundle(tmp_path / "twice")
    first = fishd("submit", "--wait", bundle, cwd=daemon.folder)
    second = fishd("submit", "--wait", bundle, cwd=daemon.folder)

    assert (0, 0) == (first.returncode, second.returncode)
    assert "outbox/twice-2\n" in second.stdout
    daemon.wait_until((daemon.spool / "archive" / "twice-2").exists, "the archived bundle")


def test_an_archive_is_submitted_like_its_folder(daemon: DaemonProcess, tmp_path: Path) -> None:
    """The job is named without the ending, the archived bundle with it, and a retry finds it."""
    source = make_bundle(tmp_path / "packed", {"Ada": ["Good.", "Nonsense."]})
    archive = Path(shutil.make_archive(str(source), "gztar", source))
    ended = fishd("submit", "--wait", archive, cwd=daemon.folder)
    kept = daemon.spool / "archive" / "packed.tar.gz"
    daemon.wait_until(kept.exists, "the archived bundle")
    again = fishd("retry", "packed", cwd=daemon.folder)

    assert (1, True) == (ended.returncode, f"{daemon.spool}/outbox/packed\n" in ended.stdout)
    assert "packed is in the inbox (1 file, " in ended.stderr
    assert archive.read_bytes() == kept.read_bytes()
    assert (0, "packed-retry\n") == (again.returncode, again.stdout)
    assert "partial" == daemon.wait_for_result("packed-retry")["status"]


def test_on_a_terminal_a_progress_bar_is_drawn_and_erased(daemon: DaemonProcess) -> None:
    """The outcome stays on the screen, in colour."""
    shown = on_a_terminal("submit", "--wait", EXAMPLES / "episode", cwd=daemon.folder)

    assert "━" in shown
    assert "All 46 segments are spoken" in shown
    assert "\x1b[1;32m✓ Done" in shown


def test_status_shows_workers_and_counts(daemon: DaemonProcess) -> None:
    """They are printed as tables, or as JSON."""
    ended = fishd("status", cwd=daemon.folder)
    status = json.loads(fishd("status", "--json", cwd=daemon.folder).stdout)

    assert 0 == ended.returncode
    assert "● running  fishd" in ended.stdout
    assert "Worker 1" in ended.stdout
    assert ("running", None, 2) == (status["state"], status["trouble"], len(status["workers"]))
    assert max(map(len, ended.stdout.splitlines())) <= 80


def test_status_watch_without_a_terminal_prints_the_status_once(daemon: DaemonProcess) -> None:
    """A pipe cannot be redrawn."""
    assert "● running  fishd" in fishd("status", "--watch", cwd=daemon.folder).stdout


def test_logs_prints_a_jobs_own_lines(daemon: DaemonProcess, tmp_path: Path) -> None:
    """They are read from the outbox once the job is published; for an unknown job the exit code is 1."""
    fishd("submit", "--wait", make_bundle(tmp_path / "logged"), cwd=daemon.folder)
    ended, unknown = fishd("logs", "logged", cwd=daemon.folder), fishd("logs", "none", cwd=daemon.folder)

    assert (0, (daemon.spool / "outbox/logged/job.log").read_text()) == (ended.returncode, ended.stdout)
    assert (1, True) == (unknown.returncode, "none: no such job" in unknown.stderr)


def test_doctor_does_not_load_the_engine_beside_a_running_daemon(daemon: DaemonProcess) -> None:
    """There may be no memory for a second one."""
    ended = fishd("doctor", cwd=daemon.folder)

    assert 0 == ended.returncode
    assert "Engine: tests.engines.noop:factory: in use by the daemon" in ended.stdout


def test_a_bundle_submitted_before_a_daemon_runs_is_spoken_when_one_starts(tmp_path: Path) -> None:
    """`--wait` reports that no daemon runs, and continues to wait."""
    bundle = make_bundle(tmp_path / "early")
    daemon = DaemonProcess(tmp_path / "home", {})
    make_folders(daemon.spool)
    with subprocess.Popen(
        command("submit", "--wait", bundle),
        cwd=daemon.folder,
        env=environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as submit:
        assert submit.stderr
        lines = [submit.stderr.readline() for _ in range(3)]
        with started_daemon(daemon):
            out, _ = submit.communicate(timeout=LIMIT_S)

    assert "no daemon has run here" in lines[1]
    assert lines[2].startswith("fishd: early: waiting: ")
    assert (0, True) == (submit.returncode, "✓ Done" in out)


def test_submit_wait_ends_when_the_bundle_is_removed_from_the_inbox(tmp_path: Path) -> None:
    """The exit code is 1."""
    daemon = DaemonProcess(tmp_path / "home", {})
    make_folders(daemon.spool)
    with subprocess.Popen(
        command("submit", "--wait", make_bundle(tmp_path / "gone")),
        cwd=daemon.folder,
        env=environ(),
        stderr=subprocess.PIPE,
        text=True,
    ) as submit:
        assert submit.stderr
        for _ in range(3):
            submit.stderr.readline()
        (daemon.spool / "inbox" / "gone").rename(tmp_path / "back")
        _, messages = submit.communicate(timeout=LIMIT_S)

    assert 1 == submit.returncode
    assert "gone: is no longer in the inbox or in work" in messages
