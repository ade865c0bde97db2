"""A real daemon whose takes are heard by real listeners."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
import tomli_w

from tests.daemon.daemon_process import DaemonProcess, started_daemon
from tests.listener.material import recogniser, recorded

ROSS = recorded("Ross")
OTHER = (
    "Nobody has told us why the old lighthouse went dark that night, or who put out the lamp on the stairs."
)


def daemon_with_job(folder: Path, texts: list[str], **options: Any) -> DaemonProcess:
    """A daemon that has not started, with the job "ships" in its inbox; its engine says Ross's reference."""
    daemon = DaemonProcess(
        folder,
        {
            "engine": {"name": "tests.listener.parrot_engine:factory", "options": options},
            "pool": {"max_takes": 2, "cpu_workers": 1},
            "quality": {"check": "listen", "recogniser": str(recogniser())},
        },
    )
    bundle = daemon.spool / "inbox" / "ships"
    bundle.mkdir(parents=True)
    shutil.copy(ROSS.path, bundle)
    speaker: Mapping[str, Any] = {
        "name": "Ross",
        "reference": ROSS.path.name,
        "transcript": ROSS.text,
        "segments": [{"text": text} for text in texts],
    }
    (bundle / "job.toml").write_text(tomli_w.dumps({"speakers": [speaker]}), encoding="utf-8")
    (bundle / ".ready").touch()
    return daemon


def segments(daemon: DaemonProcess) -> list[dict[str, Any]]:
    return daemon.result("ships")["speakers"][0]["segments"]


def listeners(daemon: DaemonProcess) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process(daemon.process.pid).children()
        if "fishd.listener" in child.cmdline()
    ]


def test_takes_that_say_something_else_are_spoken_again_and_end_as_doubtful_lines(tmp_path: Path) -> None:
    daemon = daemon_with_job(tmp_path, [ROSS.text, OTHER])

    assert 0 == daemon.run_once(), daemon.log()

    good, doubtful = segments(daemon)
    assert ([], 1) == (good["quality"]["faults"], good["takes"])
    assert good["quality"]["heard"].startswith("Good morning to all ships")
    assert (0.0, None) == (good["quality"]["wer"], good["quality"]["unheard"])
    assert ("done", 2) == (doubtful["status"], doubtful["takes"])
    (fault,) = doubtful["quality"]["faults"]
    assert "words" == fault["kind"]
    assert fault["text"].startswith("says «Good morning to all ships")
    assert 1 == daemon.result("ships")["totals"]["doubtful"]


def test_a_lost_ending_is_found(tmp_path: Path) -> None:
    daemon = daemon_with_job(tmp_path, [ROSS.text], loses="Good morning")

    assert 0 == daemon.run_once(), daemon.log()

    faults = [fault["text"] for fault in segments(daemon)[0]["quality"]["faults"]]
    assert any("leaves out «" in fault and "glass»" in fault for fault in faults), faults


def test_a_listener_that_is_killed_is_replaced_and_the_take_heard(tmp_path: Path) -> None:
    daemon = daemon_with_job(tmp_path, [ROSS.text, ROSS.text])

    def kill_first() -> None:
        daemon.wait_until(lambda: bool(listeners(daemon)), "a listener")
        listeners(daemon)[0].kill()

    _run(daemon, kill_first)

    assert [0.0, 0.0] == [segment["quality"]["wer"] for segment in segments(daemon)]


def test_takes_are_accepted_unheard_where_no_listener_lives(tmp_path: Path) -> None:
    daemon = daemon_with_job(tmp_path, [ROSS.text])
    broken = tmp_path / "model"  # it passes the check of the configuration, but cannot be loaded
    broken.mkdir()
    for name in ("model.bin", "tokenizer.json"):
        (broken / name).write_bytes(b"{}")
    config = daemon.config_path.read_text(encoding="utf-8").replace(str(recogniser()), str(broken))
    daemon.config_path.write_text(config, encoding="utf-8")

    assert 0 == daemon.run_once(), daemon.log()

    (segment,) = segments(daemon)
    assert ("done", [], None) == (segment["status"], segment["quality"]["faults"], segment["quality"]["wer"])
    assert segment["quality"]["unheard"].startswith("no listener can be started: ")


def test_a_take_that_a_crash_left_unheard_is_heard_after_the_next_start(tmp_path: Path) -> None:
    daemon = daemon_with_job(tmp_path, [OTHER])
    with started_daemon(daemon):
        daemon.wait_until(lambda: bool(listeners(daemon)), "a listener")
        orphan = listeners(daemon)[0]
        daemon.kill()
        psutil.wait_procs([orphan], timeout=10)
        assert not orphan.is_running()

    assert 0 == daemon.run_once(), daemon.log()

    assert segments(daemon)[0]["quality"]["faults"][0]["text"].startswith("says «Good morning")


def _run(daemon: DaemonProcess, meanwhile: Callable[[], None]) -> None:
    with started_daemon(daemon):
        meanwhile()
        daemon.wait_for_result("ships")


@pytest.mark.parametrize(
    ("quality", "fault"),
    [
        (
            {"check": "listen"},
            'is empty; quality.check = "listen" needs the folder of a faster-whisper model',
        ),
        (
            {"recogniser": "nowhere"},
            "nowhere is not a folder; a faster-whisper model has model.bin and tokenizer.json",
        ),
        ({"recogniser": "."}, "is no faster-whisper model: it has no model.bin and no tokenizer.json"),
    ],
)
def test_a_recogniser_that_cannot_be_used_is_a_fault_of_the_configuration(
    tmp_path: Path, quality: dict[str, str], fault: str
) -> None:
    daemon = DaemonProcess(tmp_path, {"quality": quality})

    assert 2 == daemon.run_once()
    assert fault in daemon.log()
