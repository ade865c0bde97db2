"""Revisions of published jobs, by a real daemon: only asked lines are spoken, the rest is taken over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fishd.core.revision.request import LineRevision, Revision
from fishd.spool.revision.request_file import request_revision, why_refused
from fishd.wire.control import CONTROL, ask_to_cancel
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
        self.daemon.wait_until(lambda: not list((self.daemon.spool / "work").iterdir()), "an empty work/")
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


def test_texts_pronunciations_and_takes_go_on_from_the_revision_before(show: RevisedSpool) -> None:
    """The bundle in the archive stays as it was dropped; takes are numbered over all revisions."""
    result = show.revise(LineRevision("Ada", "001", text="Won."), Two="Too")
    assert ["Too.", "Won."] == show.spoken()
    assert ("Won.", None) == (row(result, "Ada", "001")["text"], row(result, "Ada", "001")["spoken"])
    assert ("Two.", "Too.") == (row(result, "Ada", "002")["text"], row(result, "Ada", "002")["spoken"])
    result = show.revise(LineRevision("Ada", "002"))
    assert ["Too."] == show.spoken()
    assert [1, 2, 3] == [take["take"] for take in row(result, "Ada", "002")["kept"]]
    assert 3 == len({take["seed"] for take in row(result, "Ada", "002")["kept"]})
    result = show.revise(LineRevision("Ada", "001", take=1), LineRevision("Ada", "002", take=2))
    assert [] == show.spoken()
    assert ("One.", 1) == (row(result, "Ada", "001")["text"], row(result, "Ada", "001")["chosen"])
    assert ("Too.", 2) == (row(result, "Ada", "002")["spoken"], row(result, "Ada", "002")["chosen"])
    assert row(show.first, "Ada", "001")["seed"] == row(result, "Ada", "001")["seed"]
    outbox, first = show.daemon.spool / "outbox" / "show", show.daemon.spool / "archive" / "show.rev1"
    assert clips(first)["001.wav"] == clips(outbox)["001.wav"]
    assert [1, 2, 3] == [entry["number"] for entry in result["revisions"]]
    assert {"Two": "Too"} == result["revisions"][0]["pronounce"]


def test_a_revised_text_is_in_the_rebuilt_track(tmp_path: Path) -> None:
    """Its subtitles have the new text; a revision of a revision has its former takes' folder too."""
    folder = tmp_path / "d"
    with running_daemon(folder, ledger=str(folder / "ledger"), by_seed=True) as daemon:
        show = RevisedSpool(daemon, output=OUTPUTS["tracks"])
        show.revise(LineRevision("Bob", "001", text="Drei."))
        tracks = daemon.spool / "outbox" / "show" / "tracks"
        assert "Drei." in (tracks / "subtitles.srt").read_text()
        former = daemon.spool / "archive" / "show.rev1" / "tracks"
        assert (former / "mix.flac").read_bytes() != (tracks / "mix.flac").read_bytes()


def test_a_line_that_cannot_be_spoken_keeps_its_former_take_and_text(tmp_path: Path) -> None:
    """The result says so; the history too, so that a later revision goes on with the former text."""
    folder = tmp_path / "d"
    options: dict[str, Any] = {
        "ledger": str(folder / "ledger"),
        "by_seed": True,
        "faults": {"never": "refuse"},
    }
    with running_daemon(folder, **options) as daemon:
        show = RevisedSpool(daemon)
        result = show.revise(
            LineRevision("Ada", "001", text="This is never spoken."), LineRevision("Bob", "001")
        )
        assert "done" == result["status"]
        assert ["Three."] == show.spoken()
        one = row(result, "Ada", "001")
        assert ("One.", row(show.first, "Ada", "001")["seed"]) == (one["text"], one["seed"])
        what = "could not be spoken (it was told to refuse); the former take is kept"
        assert {"where": "Ada 001", "what": what} in result["warnings"]
        asked = result["revisions"][0]["lines"]
        assert ["it was told to refuse", None] == [line.get("error") for line in asked]
        result = show.revise(LineRevision("Ada", "001"))
        assert "One." == row(result, "Ada", "001")["text"]
        assert ["One."] == show.spoken()


def test_requests_for_one_job_are_done_one_after_the_other(show: RevisedSpool) -> None:
    """Also a retake of a line that another revision is speaking: it is spoken twice."""
    requests = [show.ask(LineRevision("Ada", "001")) for _ in range(3)]
    result = [show.wait_for(request) for request in requests][-1]
    assert requests == [entry["request"] for entry in result["revisions"]]
    assert ["One."] * 3 == show.spoken()
    kept = row(result, "Ada", "001")["kept"]
    assert 4 == len({take["seed"] for take in kept})
    archived = [path.name for path in sorted((show.daemon.spool / "archive").iterdir())]
    assert ["show", "show.rev1", "show.rev2", "show.rev3"] == archived


def test_users_files_are_carried_over(show: RevisedSpool) -> None:
    """Not those of fishd, and no folders or links."""
    outbox = show.daemon.spool / "outbox" / "show"
    (outbox / "review.json").write_text('{"approved": []}')
    (outbox / "link").symlink_to("/etc/passwd")
    show.revise(LineRevision("Ada", "001"))
    assert '{"approved": []}' == (outbox / "review.json").read_text()
    assert not (outbox / "link").is_symlink()


def test_a_former_take_that_was_changed_is_spoken_again(tmp_path: Path) -> None:
    """The result says so. Users can write to the outbox; only what fishd made is taken over."""
    folder = tmp_path / "d"
    with running_daemon(folder, ledger=str(folder / "ledger"), by_seed=True) as daemon:
        show = RevisedSpool(daemon)
        clip = daemon.spool / "outbox" / "show" / "clips" / "Ada" / "002.wav"
        content = clip.read_bytes()
        clip.unlink()
        clip.write_bytes(content[:-2] + b"xx")
        result = show.revise(LineRevision("Ada", "001"))
        assert ["One.", "Two."] == show.spoken()
        what = "its former take was removed or changed; it is spoken again"
        assert [{"where": "Ada 002", "what": what}] == result["warnings"]


def test_a_result_that_was_removed_meanwhile_is_published_anew(tmp_path: Path) -> None:
    """The request was claimed before: what the revision needs is in work/ by then."""
    folder, gate = tmp_path / "d", tmp_path / "gate"
    gate.touch()
    options: dict[str, Any] = {"ledger": str(folder / "ledger"), "by_seed": True, "gate": str(gate)}
    with running_daemon(folder, **options) as daemon:
        show = RevisedSpool(daemon)
        gate.unlink()
        request = show.ask(LineRevision("Ada", "001"))
        daemon.wait_for_log("of them already spoken")
        (daemon.spool / "outbox" / "show").rename(tmp_path / "taken away")
        gate.touch()
        daemon.wait_for_result("show")
        result = show.wait_for(request)
        assert (1, "done") == (result["revision"], result["status"])
        assert ["One."] == show.spoken()
        what = "the former result was no longer in the outbox"
        assert [{"where": "outbox/show", "what": what}] == result["warnings"]


def refused_without_change(show: RevisedSpool, request: str) -> tuple[str, ...]:
    """Why the request is refused; the result and the bundle stay where they are."""
    why = show.refusal(request)
    assert show.first == show.daemon.result("show")
    assert [] == show.spoken()
    return why


def test_a_request_for_what_is_not_there_is_refused_with_all_faults(show: RevisedSpool) -> None:
    """The daemon reports them; the bundle is in the archive again, for the next request."""
    lines = (LineRevision("Eve", "001"), LineRevision("Ada", "009"), LineRevision("Ada", "001", take=7))
    why = refused_without_change(show, show.ask(*lines))
    kept = "there is 1" if row(show.first, "Ada", "001")["kept"] else "none is kept of this line"
    assert (
        'lines[0].speaker: "Eve" is not a speaker; there is Ada or Bob',
        'lines[1].id: "009" is not a line of Ada; there is 001 or 002',
        f"lines[2].take: 7 is not a kept take; {kept}",
    ) == why
    assert "revision refused: lines[0].speaker" in show.daemon.log()
    assert 1 == show.revise(LineRevision("Ada", "001"))["revision"]


def test_a_request_that_cannot_be_read_is_refused(show: RevisedSpool) -> None:
    """Once it has settled: it may still be written."""
    request = "bad.revision.toml"
    (show.daemon.spool / "inbox" / request).write_text("job = 'show'\nlines = 3\n")
    why = refused_without_change(show, request)
    assert ("lines: is 3; must be a list of tables, written [[lines]]",) == why


def test_a_request_for_a_job_without_a_result_is_refused(show: RevisedSpool) -> None:
    request = request_revision(show.daemon.spool, Revision("other", (LineRevision("Ada", "001"),)))
    assert ("job: there is no result outbox/other",) == refused_without_change(show, request)


def test_a_request_for_a_job_whose_bundle_is_gone_is_refused(show: RevisedSpool) -> None:
    (show.daemon.spool / "archive" / "show").rename(show.daemon.folder / "expired")
    why = refused_without_change(show, show.ask(LineRevision("Ada", "001")))
    assert ("bundle: is no longer archived (archive_days is 30); submit the bundle again",) == why


def test_a_request_for_a_job_whose_bundle_was_changed_is_refused(show: RevisedSpool) -> None:
    manifest = show.daemon.spool / "archive" / "show" / "job.toml"
    manifest.write_text(manifest.read_text().replace("Two.", "Zwei."))
    why = refused_without_change(show, show.ask(LineRevision("Ada", "001")))
    what = "has changed since the result was made; submit the bundle as a new job"
    assert (f"bundle: {what} (the text of Ada/002 differs)",) == why


def test_a_request_for_a_rejected_job_is_refused(tmp_path: Path) -> None:
    with running_daemon(tmp_path / "d") as daemon:
        bundle = make_ready_bundle(tmp_path / "show", LINES)
        (bundle / "Ada.wav").unlink()
        bundle.rename(daemon.spool / "inbox" / "show")
        daemon.wait_for_result("show")
        request = request_revision(daemon.spool, Revision("show", (LineRevision("Ada", "001"),)))
        refused = daemon.spool / "archive" / request
        daemon.wait_until(refused.exists, "the refused request")
        (why,) = why_refused(daemon.spool, request)
        assert "job: was rejected; fix the bundle, and submit it again" == why


def test_a_forged_result_is_refused(show: RevisedSpool) -> None:
    """Texts with control characters are none that fishd wrote."""
    path = show.daemon.spool / "outbox" / "show" / "result.json"
    forged = json.loads(path.read_bytes())
    row(forged, "Ada", "001")["text"] = "One.\u001b[2J"
    path.write_text(json.dumps(forged))
    show.first = show.daemon.result("show")
    (why,) = refused_without_change(show, show.ask(LineRevision("Ada", "001")))
    assert "job: result.json is not as this version of fishd wrote it; submit the bundle as a new job" == why


def test_no_forged_kept_take_is_taken_over(tmp_path: Path) -> None:
    """Not from elsewhere, not another line's file under a made-up number; the daemon goes on."""
    folder = tmp_path / "d"
    with running_daemon(folder, ledger=str(folder / "ledger"), by_seed=True) as daemon:
        show = RevisedSpool(daemon, output=OUTPUTS["tracks"])
        path = daemon.spool / "outbox" / "show" / "result.json"
        forged = json.loads(path.read_bytes())
        (genuine,) = row(forged, "Ada", "001")["kept"]
        elsewhere = {"file": "../../../etc/passwd", "digest": "é", "duration_s": -1.0}
        row(forged, "Ada", "001")["kept"] = [
            genuine,
            genuine | elsewhere | {"take": 10**12},
            genuine | {"file": ""},
        ]
        path.write_text(json.dumps(forged))
        request = show.ask(LineRevision("Ada", "001", take=10**6))
        assert ("lines[0].take: 1000000 is not a kept take; there is 1, 1000000000000 or 1",) == show.refusal(
            request
        )
        result = show.revise(LineRevision("Ada", "002"))
        assert [1] == [take["take"] for take in row(result, "Ada", "001")["kept"]]
        assert ["Two."] == show.spoken()


def test_a_cancelled_revision_changes_nothing(tmp_path: Path) -> None:
    folder, gate = tmp_path / "d", tmp_path / "gate"
    gate.touch()
    options: dict[str, Any] = {"ledger": str(folder / "ledger"), "by_seed": True, "gate": str(gate)}
    with running_daemon(folder, **options) as daemon:
        show = RevisedSpool(daemon)
        gate.unlink()
        request = show.ask(LineRevision("Ada", "001"))
        daemon.wait_for_log("of them already spoken")
        ask_to_cancel(daemon.spool / CONTROL, "show")
        assert ("it was cancelled",) == refused_without_change(show, request)


def test_a_request_waits_for_its_job_s_first_result(tmp_path: Path) -> None:
    folder, gate = tmp_path / "d", tmp_path / "gate"
    options: dict[str, Any] = {"ledger": str(folder / "ledger"), "by_seed": True, "gate": str(gate)}
    with running_daemon(folder, **options) as daemon:
        make_ready_bundle(daemon.spool / "inbox" / "show", LINES)
        daemon.wait_for_log("Launching Worker")
        request = request_revision(daemon.spool, Revision("show", (LineRevision("Ada", "001"),)))
        daemon.wait_until(lambda: daemon.status().get("waiting") == 1, "a request that waits")
        gate.touch()
        daemon.wait_until(lambda: [request] == [one["request"] for one in _revisions(daemon)], "the revision")
        assert {"One.": 2, "Two.": 1, "Three.": 1} == read_ledger(folder / "ledger")


def test_keep_takes_keeps_the_takes_that_were_not_chosen(tmp_path: Path) -> None:
    """Without a revision too, and without tracks."""
    folder = tmp_path / "d"
    config = {"quality": {"check": "signal", "keep_takes": True}, "pool": {"max_takes": 2}}
    with running_daemon(folder, config, ledger=str(folder / "ledger"), by_seed=True) as daemon:
        show = RevisedSpool(daemon)  # a tone is no speech: every line has two takes
        kept = row(show.first, "Ada", "001")["kept"]
        assert [1, 2] == [take["take"] for take in kept]
        takes = daemon.spool / ".takes" / show.first["takes_folder"]
        assert all((takes / take["file"]).is_file() for take in kept)
        other = 3 - row(show.first, "Ada", "001")["chosen"]
        result = show.revise(LineRevision("Ada", "001", take=other))
        assert other == row(result, "Ada", "001")["chosen"]
        assert row(result, "Ada", "001")["quality"]["faults"]


def _revisions(daemon: DaemonProcess) -> list[dict[str, Any]]:
    try:
        return daemon.result("show")["revisions"]
    except FileNotFoundError:
        return []
