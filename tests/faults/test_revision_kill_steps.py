"""The daemon is killed before each single step of a revision that changes the spool."""

from __future__ import annotations

import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fishd.core.revision.request import LineRevision, Revision
from fishd.spool.revision.request_file import request_revision
from tests.daemon.bundles import make_ready_bundle
from tests.daemon.daemon_process import DaemonProcess, read_ledger
from tests.faults.spool_contents import outcome_of

LINES = {"Ada": ["First.", "Second."]}
OUTPUTS: dict[str, dict[str, Any]] = {"clips": {}, "tracks": {"tracks": ["mix"], "pause_s": 0.1}}
REQUESTS = {
    "revised": Revision("NAME", (LineRevision("Ada", "001", text="New."), LineRevision("Ada", "002"))),
    "refused": Revision("NAME", (LineRevision("Ada", "009"),)),
}
NUM_QUICK = 3


@dataclass(frozen=True, slots=True)
class WithoutKill:
    """A run without a kill, on a copy of the spool `published`: what it left, its steps, its exit code."""

    published: Path
    outbox: dict[str, object]
    archive: set[str]
    num_steps: int
    code: int


def copy_of(published: Path, folder: Path, request: str) -> DaemonProcess:
    """The spool with the published job, and a request in its inbox."""
    shutil.copytree(published / "spool", folder / "spool", symlinks=True)
    config = {
        "engine": {"options": {"ledger": str(folder / "ledger"), "by_seed": True}},
        "pool": {"cpu_workers": 1},
        "hooks": {"published": ["/bin/sh", "-c", f'echo "$FISHD_JOB $FISHD_STATUS" >> {folder / "hooks"}']},
    }
    daemon = DaemonProcess(folder, config)
    (daemon.spool / "outbox" / "NAME" / "review.json").write_text("{}")
    request_revision(daemon.spool, REQUESTS[request])
    return daemon


def run_daemon(daemon: DaemonProcess, last: int | None = None) -> int:
    crash = () if last is None else ("--last", str(last))
    return daemon.run_once(
        program=("tests.faults.crash_at_step", "--steps", str(daemon.folder / "steps"), *crash)
    )


def archived(spool: Path) -> set[str]:
    """The names in archive/, without the request's own."""
    return {path.name for path in (spool / "archive").iterdir() if not path.name.endswith(".toml")}


@pytest.fixture(scope="module", params=[(output, request) for output in OUTPUTS for request in REQUESTS])
def without_kill(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, WithoutKill]:
    output, name = request.param
    folder = tmp_path_factory.mktemp("published")
    first = DaemonProcess(folder, {"engine": {"options": {"by_seed": True}}})
    make_ready_bundle(first.spool / "inbox" / "NAME", LINES, output=OUTPUTS[output])
    assert 0 == run_daemon(first), first.log()
    daemon = copy_of(folder, tmp_path_factory.mktemp("without_kill"), name)
    code = run_daemon(daemon)
    num_steps = int((daemon.folder / "steps").read_text())
    assert num_steps > 8
    outbox = outcome_of(daemon.spool)
    return name, WithoutKill(folder, outbox, archived(daemon.spool), num_steps, code)


def check_steps(folder: Path, steps: range, request: str, expected: WithoutKill) -> None:
    for last in steps:
        daemon = copy_of(expected.published, folder / str(last), request)
        former = outcome_of(daemon.spool)
        assert -signal.SIGKILL == run_daemon(daemon, last), daemon.log()
        assert outcome_of(daemon.spool) in (former, expected.outbox), f"half published before step {last}"
        journaled = {line["clip"]["path"] for line in daemon.journal("NAME", "spoken")}
        code = run_daemon(daemon)
        assert code in (0, expected.code), f"killed before step {last}: {daemon.log()}"
        assert expected.outbox == outcome_of(daemon.spool), f"killed before step {last}"
        assert expected.archive == archived(daemon.spool), f"killed before step {last}"
        assert not list((daemon.spool / "work").iterdir()), f"something is left after step {last}"
        assert not list((daemon.spool / "inbox").iterdir()), f"the request is left after step {last}"
        assert (request == "refused") == any((daemon.spool / "archive").glob("*.revision.toml"))
        spoken = read_ledger(daemon.folder / "ledger")
        assert all(spoken[text] == 1 for path, text in SPOKEN_TEXTS.items() if path in journaled)
        assert set(spoken) <= set(SPOKEN_TEXTS.values()), f"a line that was not asked after step {last}"
        hooked = expected.code == 0
        assert hooked == (daemon.folder / "hooks").exists(), f"its hook did not run after step {last}"


SPOKEN_TEXTS = {"clips/Ada/001.take2.wav": "New.", "clips/Ada/002.take2.wav": "Second."}


def test_a_kill_before_some_steps_changes_nothing(
    tmp_path: Path, without_kill: tuple[str, WithoutKill]
) -> None:
    """outbox/NAME is always the former result or the new one, and no finished take is spoken again."""
    request, expected = without_kill
    num_steps = expected.num_steps
    check_steps(tmp_path, range(1, num_steps, num_steps // NUM_QUICK), request, expected)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(4))
def test_a_kill_before_any_step_changes_nothing(
    tmp_path: Path, without_kill: tuple[str, WithoutKill], first: int
) -> None:
    """Each of four tests tries every fourth step."""
    request, expected = without_kill
    check_steps(tmp_path, range(first, expected.num_steps, 4), request, expected)
