"""The openai engine in the real daemon, with a real HTTP server."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import EXAMPLES, DaemonProcess, running_daemon, started_daemon
from tests.daemon.test_worker_faults import errors_of, worker_processes
from tests.engines.openai_parts import PROXIES
from tests.engines.speech_server import MODEL, SpeechServer, hang_up, serving, status
from tests.shell.cli import fishd

KEY = "sk-this-is-nowhere-but-in-its-file"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server() -> Iterator[SpeechServer]:
    with serving(SpeechServer(key=KEY)) as server:
        yield server


def config_for(server: SpeechServer, folder: Path, **options: Any) -> dict[str, Any]:
    """A configuration with the key in a file, for as many workers as the plan has."""
    key_file = folder / "key"
    key_file.write_text(KEY)
    key_file.chmod(0o600)
    own = {"base_url": server.url, "api_key_file": str(key_file), "concurrency": 3, **options}
    return {"engine": {"name": "openai", "options": own}, "pool": {"cpu_workers": "auto"}}


def places_with_the_key(daemon: DaemonProcess) -> list[str]:
    """Files below the daemon's folder, and command lines and environments of its processes."""
    files = [path for path in daemon.folder.rglob("*") if path.is_file()]
    for process in (daemon.process.pid, *(worker.pid for worker in worker_processes(daemon))):
        files += [Path(f"/proc/{process}/{name}") for name in ("cmdline", "environ")]
    return [str(path) for path in files if KEY.encode() in path.read_bytes()]


def test_the_daemon_speaks_a_bundle_through_a_server(server: SpeechServer, tmp_path: Path) -> None:
    """One worker, three requests at once, and the server's faults on the way; the key is in its file only."""
    server.answers.extend([status(429, Retry_After="0"), hang_up, status(500, f"cannot use {KEY}")])
    with running_daemon(tmp_path / "daemon", config_for(server, tmp_path)) as daemon:
        daemon.drop(EXAMPLES / "two-voices")
        result = daemon.wait_for_result("two-voices")
        with wave.open(str(next((daemon.spool / "outbox").glob("*/clips/*/*.wav")))) as clip:
            rate = clip.getframerate()
        log, leaks = daemon.log(), places_with_the_key(daemon)
    assert ("done", 6, 44_100) == (result["status"], result["totals"]["done"], rate)
    assert f"{MODEL} at {server.url}, 3 requests at once" in log
    assert "[Main] Speech comes from a server" in log
    assert "[Main] Using 1 parallel workers on the CPU" in log
    assert 9 == len(server.speeches())
    assert 2 == len({seen.body["ref_audio"] for seen in server.speeches()})
    assert [] == leaks


def test_a_line_that_the_server_refuses_fails_alone(server: SpeechServer, tmp_path: Path) -> None:
    """It is tried once, and cannot be retried."""
    server.answers.append(status(422, f"the text is not for {KEY}"))
    config = config_for(server, tmp_path, concurrency=1)
    with running_daemon(tmp_path / "daemon", config) as daemon:
        daemon.drop(make_bundle(tmp_path / "job", {"Ada": ["One.", "Two."]}))
        result = daemon.wait_for_result("job")
        leaks = places_with_the_key(daemon)
    (reason,) = errors_of(result).values()
    assert "answered 422 Unprocessable Entity: the text is not for [key]" in reason
    assert ("partial", 1, 2) == (result["status"], result["totals"]["done"], len(server.speeches()))
    assert [] == leaks


def test_a_key_that_is_refused_for_a_while_fails_no_line(server: SpeechServer, tmp_path: Path) -> None:
    """The worker ends, and the next one speaks what was in flight."""
    server.answers.append(status(401, "expired"))
    with running_daemon(tmp_path / "daemon", config_for(server, tmp_path)) as daemon:
        daemon.drop(make_bundle(tmp_path / "job", {"Ada": ["One.", "Two.", "Three.", "Four."]}))
        result = daemon.wait_for_result("job")
        log = daemon.log()
    assert ("done", 4) == (result["status"], result["totals"]["done"])
    assert "401 Unauthorized: expired; check the key in the file that api_key_file names" in log


def test_a_refused_key_is_in_the_log_with_the_fix(server: SpeechServer, tmp_path: Path) -> None:
    """The worker does not start; no line fails for it."""
    config = config_for(server, tmp_path)
    server.key = "another"
    with started_daemon(DaemonProcess(tmp_path / "daemon", config)) as daemon:
        daemon.drop(make_bundle(tmp_path / "job", {"Ada": ["One."]}))
        daemon.wait_for_log("answered 401 Unauthorized: Invalid token; check the key in the file that")
        leaks = places_with_the_key(daemon)
    assert [] == server.speeches()
    assert [] == leaks


def test_doctor_asks_the_server(server: SpeechServer, tmp_path: Path) -> None:
    """A good one is shown with its slots, another one with the fix."""
    daemon = DaemonProcess(tmp_path / "daemon", config_for(server, tmp_path))
    good = fishd("doctor", cwd=daemon.folder)
    daemon.write_config(config_for(server, tmp_path, model="another"))
    bad = fishd("doctor", cwd=daemon.folder)
    assert "openai on CPU, 3 takes at once, 44100 Hz" in " ".join(good.stdout.split())
    assert 'engine.options.model: "another" is not served' in " ".join(bad.stdout.split())
    assert 1 == bad.returncode
    assert KEY not in good.stdout + bad.stdout + good.stderr + bad.stderr
