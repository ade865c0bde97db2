"""An engine that spoils one take in five: no spoiled line is published, even by a daemon that is killed."""

from __future__ import annotations

import io
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.daemon.bundles import make_ready_bundle
from tests.daemon.daemon_process import DaemonProcess
from tests.engines.speech_like import SAMPLE_RATE, speech_like
from tests.faults.spoiling_engine import is_spoiled
from tests.faults.spool_contents import outcome_of

LINES = [f"Line number {n} of the night's long job, spoken by somebody."[: 30 + n % 30] for n in range(200)]
HOPELESS = "This line is spoiled in every take."
MAX_RUN_S = 2.0


def reference() -> bytes:
    content = io.BytesIO()
    soundfile.write(content, speech_like("A reference of five seconds.", 1), SAMPLE_RATE, format="WAV")
    return content.getvalue()


def daemon_with_job(folder: Path, lines: list[str], max_takes: int, **manifest: object) -> DaemonProcess:
    """A daemon that has not started, with the job "night" in its inbox."""
    daemon = DaemonProcess(
        folder,
        {
            "engine": {
                "name": "tests.faults.spoiling_engine:factory",
                "options": {"always": HOPELESS, "ledger": str(folder / "ledger")},
            },
            "pool": {"max_takes": max_takes},
            "quality": {"check": "signal"},
        },
    )
    bundle = daemon.spool / "inbox" / "night"
    make_ready_bundle(bundle, {"Ada": lines}, audio={"Ada": reference()}, **manifest)
    return daemon


def run_twice(daemon: DaemonProcess) -> str:
    """Drop the bundle again when its job is published; what was spoken until then."""
    daemon.drop(daemon.spool / "inbox" / "night", "again")
    (daemon.spool / "inbox" / "again").rename(daemon.folder / "night")
    assert 0 == daemon.run_once(), daemon.log()
    spoken = (daemon.folder / "ledger").read_text()
    daemon.drop(daemon.folder / "night")
    assert 0 == daemon.run_once(), daemon.log()
    return spoken


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> DaemonProcess:
    """A daemon that has published a job of 200 lines."""
    daemon = daemon_with_job(tmp_path_factory.mktemp("night"), LINES, max_takes=6)
    assert 0 == daemon.run_once(), daemon.log()
    return daemon


def test_no_spoiled_take_is_published(night: DaemonProcess) -> None:
    """Every line has a good take under its own name, and no other take is left in the result."""
    segments = night.result("night")["speakers"][0]["segments"]
    clips = {
        path.relative_to(night.spool / "outbox/night") for path in night.spool.glob("outbox/*/clips/*/*")
    }

    assert {"done"} == {segment["status"] for segment in segments}
    assert [] == [segment["id"] for segment in segments if is_spoiled(segment["seed"])]
    assert [] == [segment["id"] for segment in segments if segment["quality"]["faults"]]
    assert {f"clips/Ada/{n:03}.wav" for n in range(1, 201)} == set(map(str, clips))
    for segment in segments:
        audio, _ = soundfile.read(night.spool / "outbox/night" / segment["clip"], dtype="float32")
        np.testing.assert_allclose(audio, speech_like(segment["text"], segment["seed"]), atol=1e-4)


def test_only_spoiled_takes_are_spoken_again(night: DaemonProcess) -> None:
    """As many takes as the spoiled ones and one for every line."""
    ledger = (night.folder / "ledger").read_text().splitlines()
    num_spoiled = sum(not line.endswith("\t") for line in ledger)
    takes = [take for s in night.result("night")["speakers"][0]["segments"] for take in s["quality"]["takes"]]

    assert 20 < num_spoiled < 80
    assert len(LINES) + num_spoiled == len(ledger) == len(takes)
    assert num_spoiled == sum(bool(take["faults"]) for take in takes)
    assert num_spoiled == night.log().count("; speaking it again")


def test_lines_that_were_spoken_again_are_reused(tmp_path: Path) -> None:
    """A bundle that is dropped twice is spoken once, whichever takes were the best."""
    daemon = daemon_with_job(tmp_path, LINES[:20], max_takes=6)
    spoken = run_twice(daemon)

    assert spoken == (tmp_path / "ledger").read_text()
    assert len(spoken.splitlines()) > 20
    assert "done" == daemon.result("night-2")["status"]


def test_a_doubtful_line_that_is_reused_stays_doubtful(tmp_path: Path) -> None:
    """It has had all of its takes, and is not spoken again."""
    daemon = daemon_with_job(tmp_path, [*LINES[:10], HOPELESS], max_takes=3)
    spoken = run_twice(daemon)
    first, again = (daemon.result(name)["speakers"][0]["segments"][10] for name in ("night", "night-2"))

    assert spoken == (tmp_path / "ledger").read_text()
    assert first["quality"]["faults"] == again["quality"]["faults"] != []
    assert 1 == daemon.result("night-2")["totals"]["doubtful"]


@pytest.mark.parametrize("seed", range(3))
def test_kills_change_nothing(tmp_path: Path, night: DaemonProcess, seed: int) -> None:
    """Killed at any moment, the job has the same takes in the end."""
    chance = random.Random(seed)
    daemon = daemon_with_job(tmp_path, LINES, max_takes=6)
    for _ in range(4):
        daemon.start()
        with pytest.raises(subprocess.TimeoutExpired):
            daemon.process.wait(chance.uniform(0.3, MAX_RUN_S))
        daemon.kill()
    assert 0 == daemon.run_once(), daemon.log()

    assert outcome_of(night.spool) == outcome_of(daemon.spool)


def test_a_hopeless_line_is_done_and_doubtful(tmp_path: Path) -> None:
    """Its best take is published, and the summary says why to listen to it."""
    daemon = daemon_with_job(tmp_path, [*LINES[:10], HOPELESS], max_takes=3)
    assert 0 == daemon.run_once(), daemon.log()
    result = daemon.result("night")
    segment = result["speakers"][0]["segments"][10]

    assert ("done", 1) == (result["status"], result["totals"]["doubtful"])
    assert ("done", 3, 3) == (segment["status"], segment["takes"], len(segment["quality"]["takes"]))
    assert segment["quality"]["faults"]
    assert segment["quality"]["faults"][0]["text"] in (
        " ".join((daemon.spool / "outbox/night/summary.txt").read_text().split())
    )
    assert (daemon.spool / "outbox/night" / segment["clip"]).exists()


def test_takes_that_were_not_chosen_can_be_kept(tmp_path: Path) -> None:
    """All of them, outside the result, where result.json says."""
    daemon = daemon_with_job(tmp_path, LINES[:20], max_takes=6, quality={"keep_takes": True})
    assert 0 == daemon.run_once(), daemon.log()
    result = daemon.result("night")
    takes = [take for s in result["speakers"][0]["segments"] for take in s["quality"]["takes"]]

    assert len(takes) > 20
    for take in takes:
        assert (daemon.spool / ".takes" / result["takes_folder"] / take["file"]).exists()
    assert 20 == len(list(daemon.spool.glob("outbox/night/clips/*/*")))


def test_a_bundle_may_switch_the_check_off(tmp_path: Path) -> None:
    """Then every first take is accepted."""
    daemon = daemon_with_job(tmp_path, LINES[:20], max_takes=3, quality={"check": "off"})
    assert 0 == daemon.run_once(), daemon.log()

    segments = daemon.result("night")["speakers"][0]["segments"]
    assert {(1, None)} == {(segment["takes"], segment["quality"]) for segment in segments}


def test_tracks_are_built_of_the_best_takes(tmp_path: Path) -> None:
    """The assembly reads them wherever they are."""
    daemon = daemon_with_job(tmp_path, LINES[:20], max_takes=6, output={"tracks": ["mix"]})
    assert 0 == daemon.run_once(), daemon.log()
    result = daemon.result("night")
    segments = result["speakers"][0]["segments"]

    assert [] == [segment["id"] for segment in segments if is_spoiled(segment["seed"])]
    assert max(segment["takes"] for segment in segments) > 1
    assert [f"clips/Ada/{n:03}.wav" for n in range(1, 21)] == [segment["clip"] for segment in segments]
    assert (daemon.spool / "outbox/night/tracks/mix.flac").exists()
