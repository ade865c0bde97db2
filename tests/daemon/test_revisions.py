"""Revisions of published jobs, by a real daemon: only asked lines are spoken, the rest is taken over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fishd.core.revision.request import LineRevision, Revision
from fishd.spool.revision.request_file import request_revision, why_refused
from tests.daemon.bundles import make_ready_bundle
from tests.daemon.daemon_process import DaemonProcess, read_ledger, running_daemon

LINES = {"Ada": ["One.", "Two."], "Bob": ["Three."]}
OUTPUTS: dict[str, dict[str, Any]] = {"clips": {}, "tracks": {"tracks": ["mix", "speakers"], "pause_s": 0.1}}


class RevisedSpool:
    """A daemon with the published job `show`, and what its engine has spoken since."""

    def __init__(self, daemon: DaemonProcess, **manifest: Any) -> None:
        self.daemon = daemon
        self.ledger = daemon.folder / "ledger"
        make_ready_bundle(daemon.spool / "inbox" / "show", LINES, **manifest)
        self.first = daemon.wait_for_result("show")
        self._before = read_ledger(self.ledger)

    def ask(self, *lines: LineRevision, **pronounce: str) -> str:
        """Ask for a revision; the request's name."""
        return request_revision(self.daemon.spool, Revision("show", lines, pronounce))

    def revise(self, *lines: LineRevision, **pronounce: str) -> dict[str, Any]:
        """Ask for a revision, and wait for its result."""
        return self.wait_for(self.ask(*lines, **pronounce))

    def wait_for(self, request: str) -> dict[str, Any]:
        def is_published() -> bool:
            return any(request == entry["request"] for entry in self.daemon.result("show")["revisions"])

        self.daemon.wait_until(is_published, f"{request} in the result")
        return self.daemon.result("show")

    def refusal(self, request: str) -> tuple[str, ...]:
        """Wait until the request is refused; why."""
        refused = self.daemon.spool / "archive" / request
        self.daemon.wait_until(refused.exists, f"{request} in the archive")
        self.daemon.wait_until(lambda: not (self.daemon.spool / "work" / "show").exists(), "an empty work/")
        return why_refused(self.daemon.spool, request)

    def spoken(self) -> list[str]:
        """What the engine has spoken since the last call."""
        now = read_ledger(self.ledger)
        new, self._before = now - self._before, now
        return sorted(new.elements())


@pytest.fixture(params=OUTPUTS)
def show(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RevisedSpool]:
    folder = tmp_path / "d"
    with running_daemon(folder, ledger=str(folder / "ledger"), by_seed=True) as daemon:
        yield RevisedSpool(daemon, output=OUTPUTS[request.param])


def row(result: dict[str, Any], speaker: str, id_: str) -> dict[str, Any]:
    (found,) = [
        segment
        for one in result["speakers"]
        if one["name"] == speaker
        for segment in one["segments"]
        if segment["id"] == id_
    ]
    return found


def clips(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("clips/Ada/*.wav")}


def test_a_retake_is_another_take_of_that_line_only(show: RevisedSpool) -> None:
    """The former result is in the archive, whole; the other clips are the same."""
    outbox = show.daemon.spool / "outbox" / "show"
    before = clips(outbox)
    result = show.revise(LineRevision("Ada", "002"))
    assert ["Two."] == show.spoken()
    assert 1 == result["revision"]
    assert before == clips(show.daemon.spool / "archive" / "show.rev1")
    after = clips(outbox)
    assert before["001.wav"] == after["001.wav"]
    assert before["002.wav"] != after["002.wav"]
    assert row(show.first, "Ada", "002")["seed"] != row(result, "Ada", "002")["seed"]
    assert row(show.first, "Ada", "001")["seed"] == row(result, "Ada", "001")["seed"]
    assert "done" == result["status"]
    assert (show.daemon.spool / "archive" / "show" / "job.toml").exists()
