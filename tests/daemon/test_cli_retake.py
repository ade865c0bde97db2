"""`fishd retake` with a real daemon, and what it refuses at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.bundles import make_ready_bundle
from tests.daemon.daemon_process import DaemonProcess, running_daemon
from tests.shell.cli import fishd


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """With the published job `show`, one speaker of which has a slash in its name."""
    folder = tmp_path_factory.mktemp("daemon")
    with running_daemon(folder, by_seed=True, faults={"Nonsense": "refuse"}) as daemon:
        for name in ("show", "gone"):
            bundle = make_ready_bundle(folder / name, {"Ada": ["One.", "Two."], "Eve": ["Three."]})
            manifest = bundle / "job.toml"
            manifest.write_text(manifest.read_text().replace('"Eve"', '"Eve/2"'))
            bundle.rename(daemon.spool / "inbox" / name)
            daemon.wait_for_result(name)
        (daemon.spool / "archive" / "gone").rename(folder / "expired")
        yield daemon


def test_retake_waits_for_the_new_take(daemon: DaemonProcess) -> None:
    """It prints how the job ended; without --wait it prints the job's name."""
    number = daemon.result("show").get("revision", 0)
    ended = fishd("retake", "show", "Ada/001", "Eve/2/001", "--wait", cwd=daemon.folder)
    assert (0, number + 1) == (ended.returncode, daemon.result("show")["revision"]), ended.stderr
    assert "show: a revision of 2 lines is in the inbox" in ended.stderr
    assert str(daemon.spool / "outbox" / "show") in ended.stdout
    ended = fishd("retake", "show", "--pronounce", "Two=Too", cwd=daemon.folder)
    assert (0, "show\n") == (ended.returncode, ended.stdout)
    daemon.wait_until(lambda: daemon.result("show")["revision"] == number + 2, "the second revision")
    assert "Too." == daemon.result("show")["speakers"][0]["segments"][1]["spoken"]


def test_retake_exits_with_1_if_a_line_keeps_its_former_take(daemon: DaemonProcess) -> None:
    ended = fishd("retake", "show", "Ada/001", "--text", "Nonsense.", "--wait", cwd=daemon.folder)
    assert 1 == ended.returncode
    printed = " ".join(ended.stdout.split())
    assert "could not be spoken (it was told to refuse); the former take is kept" in printed


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("other", "Ada/001"), 1, "fishd: other: has no result in "),
        (("gone", "Ada/001"), 1, "is no longer archived (archive_days is 30); submit the bundle again"),
        (("show", "Bob/001"), 2, 'show: lines[0].speaker: "Bob" is not a speaker; there is Ada or Eve/2'),
        (("show", "Ada/7"), 2, 'show: lines[0].id: "7" is not a line of Ada; there is 001 or 002'),
        (("show", "Ada"), 2, "Ada: is not a line; give it as SPEAKER/ID, such as Ada/001"),
        (("show", "Ada/001", "--take", "99"), 2, "show: lines[0].take: 99 is not a kept take; there "),
        (("show", "Ada/001", "Ada/002", "--text", "X"), 2, "--text: is the text of one line"),
        (("show", "Ada/001", "--text", "X", "--take", "1"), 2, "lines[0]: has a text and a take"),
        (("show", "Ada/001", "--text", " "), 2, "lines[0].text: is empty"),
        (("show", "Ada/001", "--text", "x" * 2001), 2, "is 2,001 characters long, 2,000 is the most"),
        (("show", "--pronounce", "SQL"), 2, "--pronounce SQL: give it as WORD=AS, such as SQL=sequel"),
        (("show",), 2, "asks for nothing"),
    ],
)
def test_retake_refuses_at_once(
    daemon: DaemonProcess, arguments: tuple[str, ...], code: int, message: str
) -> None:
    """Nothing is written into the inbox."""
    ended = fishd("retake", *arguments, cwd=daemon.folder)
    assert code == ended.returncode
    assert message in ended.stderr
    assert [] == list((daemon.spool / "inbox").iterdir())


def test_retry_of_a_revised_job_points_to_retake(tmp_path: Path) -> None:
    """The archived bundle does not have the revised texts."""
    with running_daemon(tmp_path / "d", faults={"Nonsense": "refuse"}) as daemon:
        lines = {"Ada": ["Nonsense.", "Nonsense again."]}
        make_ready_bundle(daemon.spool / "inbox" / "show", lines)
        daemon.wait_for_result("show")
        ended = fishd("retake", "show", "Ada/002", "--text", "Sense.", "--wait", cwd=daemon.folder)
        assert (0, "partial") == (ended.returncode, daemon.result("show")["status"])
        ended = fishd("retry", "show", cwd=daemon.folder)
        fix = "speak its failed segments again with `fishd retake JOB SPEAKER/ID…`"
        assert (1, f"fishd: show: was revised; {fix}\n") == (ended.returncode, ended.stderr)
