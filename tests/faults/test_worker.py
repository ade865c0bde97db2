"""A worker as a real process: failed takes, out of memory, disk errors, cancelled takes, checks."""

import signal
from pathlib import Path

import psutil
import pytest
import soundfile

from fishd.wire.messages import (
    CancelTake,
    CheckOptions,
    ClipWritten,
    Inspect,
    Inspected,
    OptionsChecked,
    Progress,
    Stop,
    TakeError,
)
from tests.engines.noop import tone
from tests.faults.live_workers import LiveWorkers, run


@pytest.mark.parametrize(
    ("fault", "reason", "retry"),
    [
        ("fail", "it was told to fail", True),
        ("refuse", "it was told to refuse", False),
        ("silent", "the audio is silent", True),
        ("nan", "the audio holds values that are not finite", True),
        ("short", "the audio is only 10 ms long", True),
    ],
)
def test_a_take_that_gives_no_clip_fails_with_a_reason(
    tmp_path: Path, fault: str, reason: str, *, retry: bool
) -> None:
    """The engine reports it, or its audio is not a clip; the worker continues."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(faults={"bad": fault})
        workers.speak(worker, "bad")
        assert TakeError("1", reason, retry) == await workers.receive(TakeError)
        workers.speak(worker, "good", "2")
        assert "2" == (await workers.receive(ClipWritten)).take

    run(tmp_path, scenario)
    assert ["2.wav"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("fault", "reason"), [("memory error", "MemoryError"), ("torch's", "CUDA out of memory")]
)
def test_every_kind_of_out_of_memory_is_recognized(tmp_path: Path, fault: str, reason: str) -> None:
    """torch is not imported to recognize its own."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(faults={"bad": fault})
        workers.speak(worker, "bad")
        end = await workers.exited()
        assert ("out of memory", reason) == (end.kind, end.reason)

    run(tmp_path, scenario)


def test_an_engine_that_ends_an_unknown_take_is_reported_as_faulty(tmp_path: Path) -> None:
    """The message names the take."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(faults={"bad": "stranger"})
        workers.speak(worker, "bad")
        end = await workers.exited()
        assert ("engine", "the engine ended take 'a stranger', which it does not have") == (
            end.kind,
            end.reason,
        )

    run(tmp_path, scenario)


def test_a_clip_that_cannot_be_written_fails_its_take(tmp_path: Path) -> None:
    """The reason is the system's; the worker continues."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready()
        (tmp_path / "file").touch()
        workers.speak(worker, "good", "file/1")
        failed = await workers.receive(TakeError)
        assert TakeError("file/1", "the clip cannot be written: File exists", retry=True) == failed
        workers.speak(worker, "good", "2")
        await workers.receive(ClipWritten)

    run(tmp_path, scenario)


def test_a_clip_is_written_although_the_next_take_breaks_the_engine(tmp_path: Path) -> None:
    """It may still be unwritten at that moment."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(faults={"bad": "raise"})
        workers.speak(worker, "good", "1")
        workers.speak(worker, "bad", "2")
        assert "1" == (await workers.receive(ClipWritten)).take
        assert "engine" == (await workers.exited()).kind

    run(tmp_path, scenario)
    assert (tmp_path / "1.wav").exists()


def test_a_cancelled_take_ends_at_once(tmp_path: Path) -> None:
    """It may be in the queue, or in an engine that can drop it; no clip is left."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(gate=str(tmp_path / "gate"))
        workers.speak(worker, "in the engine", "1")
        workers.speak(worker, "queued", "2")
        await workers.receive(Progress)
        for take in ("2", "1"):
            workers.pool.send(worker, CancelTake(take))
            assert TakeError(take, "no longer wanted", retry=False) == await workers.receive(TakeError)
        workers.speak(worker, "another", "3")
        (tmp_path / "gate").touch()
        assert "3" == (await workers.receive(ClipWritten)).take

    run(tmp_path, scenario)
    assert {"gate", "3.wav"} == {path.name for path in tmp_path.iterdir()}


def test_a_cancelled_take_that_an_engine_cannot_drop_ends_without_a_clip(tmp_path: Path) -> None:
    """Its audio is discarded."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(gate=str(tmp_path / "gate"), droppable=False)
        workers.speak(worker, "good")
        await workers.receive(Progress)
        workers.pool.send(worker, CancelTake("1"))
        workers.pool.send(worker, Inspect("after", str(tmp_path / "none.wav")))
        await workers.receive(Inspected)
        (tmp_path / "gate").touch()
        assert TakeError("1", "no longer wanted", retry=False) == await workers.receive(TakeError)

    run(tmp_path, scenario)
    assert ["gate"] == [path.name for path in tmp_path.iterdir()]


def test_cancelling_a_take_that_has_ended_has_no_effect(tmp_path: Path) -> None:
    """The same take id may be used again."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready()
        workers.speak(worker, "good", "1")
        await workers.receive(ClipWritten)
        workers.pool.send(worker, CancelTake("1"))
        workers.speak(worker, "good", "1")
        assert "1" == (await workers.receive(ClipWritten)).take

    run(tmp_path, scenario)


def test_checks_are_completed_while_takes_are_in_flight(tmp_path: Path) -> None:
    """A reference and options are checked between two steps."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(gate=str(tmp_path / "gate"))
        workers.speak(worker, "waits")
        reference = tmp_path / "reference.wav"
        soundfile.write(reference, tone(2.0), 16_000)
        workers.pool.send(worker, Inspect("q1", str(reference)))
        inspected = await workers.receive(Inspected)
        assert ("q1", 2.0) == (inspected.id, inspected.duration_s)
        workers.pool.send(worker, CheckOptions("q2", {"mood": "good", "heat": 9}, ("en", "xx")))
        faults = (
            "engine_options.heat: is not a known option; known is mood",
            'language "xx": is not spoken by this engine',
        )
        assert OptionsChecked("q2", faults) == await workers.receive(OptionsChecked)
        (tmp_path / "gate").touch()
        await workers.receive(ClipWritten)

    run(tmp_path, scenario)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_signals_for_the_daemon_do_not_end_a_worker(tmp_path: Path, stop: signal.Signals) -> None:
    """A supervisor may send them to every process; takes in flight are finished."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(gate=str(tmp_path / "gate"))
        workers.speak(worker, "good")
        await workers.receive(Progress)
        psutil.Process(workers.pool.pid(worker)).send_signal(stop)
        (tmp_path / "gate").touch()
        await workers.receive(ClipWritten)
        workers.pool.send(worker, Stop())
        assert "the process exited with status 0" == (await workers.exited()).reason

    run(tmp_path, scenario)


def test_an_invalid_message_from_the_daemon_ends_the_worker(tmp_path: Path) -> None:
    """The message is one that only workers send."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready()
        workers.pool.send(worker, Progress(1))
        assert "the daemon sent an invalid message" in (await workers.exited()).reason

    run(tmp_path, scenario)


@pytest.mark.parametrize("tone_s", [0.25, 0.75])
def test_the_options_of_a_take_are_passed_to_the_engine(tmp_path: Path, tone_s: float) -> None:
    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(engine="tests.faults.variable_tone_engine:factory")
        workers.speak(worker, "good", tone_s=tone_s)
        assert tone_s == (await workers.receive(ClipWritten)).duration_s

    run(tmp_path, scenario)
