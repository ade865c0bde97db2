"""The worker's side, as a real process: takes that fail, memory that ends, disks that refuse."""

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
    Speak,
    Stop,
    TakeError,
)
from tests.engines.noop import tone
from tests.faults.house import House, play


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
    """By the engine's word, or because what it gave is no clip; the worker goes on."""

    async def story(house: House) -> None:
        worker = await house.ready(faults={"bad": fault})
        house.speak(worker, "bad")
        assert TakeError("1", reason, retry) == await house.hear(TakeError)
        house.speak(worker, "good", "2")
        assert "2" == (await house.hear(ClipWritten)).take

    play(tmp_path, story)
    assert ["2.wav"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("fault", "reason"), [("memory error", "MemoryError"), ("torch's", "CUDA out of memory")]
)
def test_every_kind_of_want_of_memory_is_known_as_such(tmp_path: Path, fault: str, reason: str) -> None:
    """Python's and torch's, though no torch is imported."""

    async def story(house: House) -> None:
        worker = await house.ready(faults={"bad": fault})
        house.speak(worker, "bad")
        end = await house.ended()
        assert ("out of memory", reason) == (end.kind, end.reason)

    play(tmp_path, story)


def test_an_engine_that_ends_a_take_that_it_does_not_hold_is_at_fault(tmp_path: Path) -> None:
    """The message names the take."""

    async def story(house: House) -> None:
        worker = await house.ready(faults={"bad": "stranger"})
        house.speak(worker, "bad")
        end = await house.ended()
        assert ("engine", "the engine ended take 'a stranger', which it does not hold") == (
            end.kind,
            end.reason,
        )

    play(tmp_path, story)


def test_a_clip_that_cannot_be_written_fails_its_take(tmp_path: Path) -> None:
    """The reason is the system's; the worker goes on."""

    async def story(house: House) -> None:
        worker = await house.ready()
        (tmp_path / "file").touch()
        house.speak(worker, "good", "file/1")
        failed = await house.hear(TakeError)
        assert TakeError("file/1", "the clip cannot be written: File exists", retry=True) == failed
        house.speak(worker, "good", "2")
        await house.hear(ClipWritten)

    play(tmp_path, story)


def test_clips_of_before_a_fault_are_kept(tmp_path: Path) -> None:
    """A clip may still be on its way to the disk when the next take breaks the engine."""

    async def story(house: House) -> None:
        worker = await house.ready(faults={"bad": "raise"})
        house.speak(worker, "good", "1")
        house.speak(worker, "bad", "2")
        assert "1" == (await house.hear(ClipWritten)).take
        assert "engine" == (await house.ended()).kind

    play(tmp_path, story)
    assert (tmp_path / "1.wav").exists()


def test_a_take_that_is_no_longer_wanted_ends_at_once(tmp_path: Path) -> None:
    """In an engine that can drop it, though it would never end, and on deck; no clip is left."""

    async def story(house: House) -> None:
        worker = await house.ready(gate=str(tmp_path / "gate"))
        house.speak(worker, "in the engine", "1")
        house.speak(worker, "on deck", "2")
        await house.hear(Progress)
        for take in ("2", "1"):
            house.pool.send(worker, CancelTake(take))
            assert TakeError(take, "no longer wanted", retry=False) == await house.hear(TakeError)
        house.speak(worker, "another", "3")
        (tmp_path / "gate").touch()
        assert "3" == (await house.hear(ClipWritten)).take

    play(tmp_path, story)
    assert {"gate", "3.wav"} == {path.name for path in tmp_path.iterdir()}


def test_an_engine_that_cannot_drop_a_take_ends_it_without_a_clip(tmp_path: Path) -> None:
    """Its audio is thrown away."""

    async def story(house: House) -> None:
        worker = await house.ready(gate=str(tmp_path / "gate"), droppable=False)
        house.speak(worker, "good")
        await house.hear(Progress)
        house.pool.send(worker, CancelTake("1"))
        house.pool.send(worker, Inspect("after", str(tmp_path / "none.wav")))
        await house.hear(Inspected)
        (tmp_path / "gate").touch()
        assert TakeError("1", "no longer wanted", retry=False) == await house.hear(TakeError)

    play(tmp_path, story)
    assert ["gate"] == [path.name for path in tmp_path.iterdir()]


def test_forgetting_a_take_that_has_ended_changes_nothing(tmp_path: Path) -> None:
    """The same name may even come again."""

    async def story(house: House) -> None:
        worker = await house.ready()
        house.speak(worker, "good", "1")
        await house.hear(ClipWritten)
        house.pool.send(worker, CancelTake("1"))
        house.speak(worker, "good", "1")
        assert "1" == (await house.hear(ClipWritten)).take

    play(tmp_path, story)


def test_questions_are_answered_while_takes_are_in_hand(tmp_path: Path) -> None:
    """A reference and options, between two steps."""

    async def story(house: House) -> None:
        worker = await house.ready(gate=str(tmp_path / "gate"))
        house.speak(worker, "waits")
        reference = tmp_path / "reference.wav"
        soundfile.write(reference, tone(2.0), 16_000)
        house.pool.send(worker, Inspect("q1", str(reference)))
        assert Inspected("q1", 2.0) == await house.hear(Inspected)
        house.pool.send(worker, CheckOptions("q2", {"mood": "good", "heat": 9}, ("en", "xx")))
        faults = (
            "engine_options.heat: is not a known option; known is mood",
            'language "xx": is not spoken by this engine',
        )
        assert OptionsChecked("q2", faults) == await house.hear(OptionsChecked)
        (tmp_path / "gate").touch()
        await house.hear(ClipWritten)

    play(tmp_path, story)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_signals_that_are_meant_for_the_daemon_do_not_end_a_worker(
    tmp_path: Path, stop: signal.Signals
) -> None:
    """A supervisor may send them to every process: takes in hand are finished all the same."""

    async def story(house: House) -> None:
        worker = await house.ready(gate=str(tmp_path / "gate"))
        house.speak(worker, "good")
        await house.hear(Progress)
        psutil.Process(house.pool.pid(worker)).send_signal(stop)
        (tmp_path / "gate").touch()
        await house.hear(ClipWritten)
        house.pool.send(worker, Stop())
        assert "the process ended with exit status 0" == (await house.ended()).reason

    play(tmp_path, story)


def test_a_message_that_is_none_of_the_daemons_ends_the_worker(tmp_path: Path) -> None:
    """A worker trusts its parent no more than the other way round."""

    async def story(house: House) -> None:
        worker = await house.ready()
        house.pool.send(worker, Progress(1))
        assert "the daemon sent what is no message" in (await house.ended()).reason

    play(tmp_path, story)


def test_options_of_a_job_reach_the_engine(tmp_path: Path) -> None:
    """A take may carry options; those that were checked are taken."""

    async def story(house: House) -> None:
        worker = await house.ready()
        clip = str(tmp_path / "1.wav")
        house.pool.send(worker, Speak("1", "v", (), "", "en", "hm", "en", 7, 10.0, clip, {"mood": "good"}))
        assert 0.2 == (await house.hear(ClipWritten)).duration_s

    play(tmp_path, story)
