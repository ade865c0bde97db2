"""The worker process of a command: its answers, and the errors when it dies."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import psutil
import pytest

from fishd.cli.single_worker import WITHOUT_GPU, SingleWorker, WorkerLost, ask_each
from fishd.wire.messages import CheckOptions, Inspect, Inspected, Load, OptionsChecked, Ready
from tests.shell.cli import ROOT

NOOP = "tests.engines.noop:factory"
LIMIT_S = 30.0


def environment(folder: Path) -> dict[str, str]:
    """With modules of engines that kill or exit the process, or hang, when they are imported."""
    (folder / "crashing.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    (folder / "exiting.py").write_text('raise SystemExit("the licence has expired")\n')
    (folder / "hanging.py").write_text("import time\ntime.sleep(1000)\n")
    return {**WITHOUT_GPU, "PYTHONPATH": f"{ROOT}:{folder}"}


def write_silence(path: Path) -> Path:
    with wave.open(str(path), "wb") as clip:
        clip.setnchannels(1)
        clip.setsampwidth(2)
        clip.setframerate(8_000)
        clip.writeframes(bytes(2 * 8_000 * 2))
    return path


def test_a_worker_checks_clips_and_options_without_a_loaded_engine(tmp_path: Path) -> None:
    """Options and languages are checked by the engine's module."""
    questions = [
        Inspect("clip", str(write_silence(tmp_path / "clip.wav"))),
        CheckOptions("options", {"heat": 9}, ("xx",), NOOP),
        CheckOptions("no engine", {}, (), "no_such:factory"),
    ]
    clip, options, no_engine = asyncio.run(ask_each(questions, environment(tmp_path)))

    assert isinstance(clip, Inspected)
    assert ("clip", "is silent") == (clip.id, clip.fault)
    assert isinstance(options, OptionsChecked)
    assert 2 == len(options.faults)
    assert isinstance(no_engine, OptionsChecked)
    assert "No module named 'no_such'" in no_engine.faults[0]


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_question_that_kills_its_worker_is_an_error_and_the_others_are_answered(
    position: int, tmp_path: Path
) -> None:
    """A new worker answers them."""
    engines = [NOOP, NOOP]
    engines.insert(position, "crashing:factory")
    questions = [CheckOptions(engine, {}, (), engine) for engine in engines]
    answers = asyncio.run(ask_each(questions, environment(tmp_path)))

    lost = answers.pop(position)
    assert isinstance(lost, WorkerLost)
    assert "the process was killed by SIGKILL" == str(lost)
    assert [OptionsChecked(NOOP), OptionsChecked(NOOP)] == answers


def test_the_last_line_of_a_worker_that_exits_is_its_reason(tmp_path: Path) -> None:
    """Python prints there why it exits."""
    (lost,) = asyncio.run(ask_each([CheckOptions("", {}, (), "exiting:factory")], environment(tmp_path)))

    assert "the process exited with status 1: the licence has expired" == str(lost)


def test_a_worker_that_does_not_answer_in_time_is_killed(tmp_path: Path) -> None:
    """No process is left."""
    question = CheckOptions("", {}, (), "hanging:factory")
    before = psutil.Process().children()
    (lost,) = asyncio.run(ask_each([question], environment(tmp_path), limit_s=2.0))

    assert "no answer within 2 s" == str(lost)
    assert before == psutil.Process().children()


@pytest.mark.parametrize(
    ("load", "kind", "reason"),
    [
        ("raise", "load", "the noop engine was told to raise"),
        ("out of memory", "out of memory", "the noop engine was told to run out of memory"),
        ("segv", "", "the process was killed by SIGSEGV"),
    ],
)
def test_a_failed_load_has_its_reason(load: str, kind: str, reason: str, tmp_path: Path) -> None:
    """It also has a kind, if the worker could report one."""

    async def load_engine() -> Ready:
        async with SingleWorker(environment(tmp_path)) as worker:
            return await worker.ask(Load(0, NOOP, "cpu", {"load": load}), Ready, LIMIT_S)

    with pytest.raises(WorkerLost) as caught:
        asyncio.run(load_engine())
    assert (kind, reason) == (caught.value.kind, str(caught.value))


def test_a_worker_exits_at_the_end_of_its_block(tmp_path: Path) -> None:
    """It may or may not have loaded an engine."""

    async def pid_of_worker(*, loaded: bool) -> int:
        async with SingleWorker(environment(tmp_path)) as worker:
            if loaded:
                await worker.ask(Load(0, NOOP, "cpu", {}), Ready, LIMIT_S)
            return worker.pid

    for loaded in (False, True):
        assert not psutil.pid_exists(asyncio.run(pid_of_worker(loaded=loaded)))
