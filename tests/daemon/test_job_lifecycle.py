"""A job in the real daemon, from the inbox to the outbox, also across stops, kills and reloads."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import wave
from pathlib import Path

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import EXAMPLES, DaemonProcess, running_daemon
from tests.shell.cli import LIMIT_S


def test_an_episode_is_published_as_46_clips_and_a_summary(tmp_path: Path) -> None:
    """The clips are 16-bit mono PCM; the result and the log are beside them."""
    with running_daemon(tmp_path) as daemon:
        daemon.drop(EXAMPLES / "episode")
        result = daemon.wait_for_result("episode")
        published = daemon.spool / "outbox" / "episode"
        clips = sorted(published.glob("clips/*/*.wav"))
        assert len(clips) == 46
        assert result["status"] == "done"
        assert {
            "job",
            "title",
            "status",
            "engine",
            "device_names",
            "started",
            "finished",
            "totals",
            "errors",
            "speakers",
        } <= result.keys()
        assert result["totals"]["segments"] == result["totals"]["done"] == 46
        named = {s["clip"] for speaker in result["speakers"] for s in speaker["segments"]}
        assert named == {str(clip.relative_to(published)) for clip in clips}
        with wave.open(str(clips[0])) as clip:
            assert (clip.getnchannels(), clip.getsampwidth()) == (1, 2)
        assert "Mara" in (published / "summary.txt").read_text()
        assert "Mara" in (published / "summary.html").read_text()
        references = [path for speaker in result["speakers"] for path in speaker["references"]]
        assert references[0] == "references/Mara-1.wav"
        assert sorted(references) == sorted(
            f"references/{path.name}" for path in published.glob("references/*")
        )
        reference = (published / references[0]).read_bytes()
        assert reference == (EXAMPLES / "episode" / "mara.wav").read_bytes()
        assert "episode" in (published / "job.log").read_text()
        daemon.wait_until(lambda: not any((daemon.spool / "work").iterdir()), "an empty work/")
        assert (daemon.spool / "archive" / "episode" / "job.toml").exists()


def test_a_bundle_without_a_manifest_is_read_by_convention(tmp_path: Path) -> None:
    """Sub-folders are speakers; without `.ready` it is claimed when it has settled."""
    with running_daemon(tmp_path) as daemon:
        shutil.copytree(EXAMPLES / "by-convention", daemon.spool / "inbox" / "by-convention")
        result = daemon.wait_for_result("by-convention")
    assert result["status"] == "done"
    assert [speaker["name"] for speaker in result["speakers"]] == ["Curator", "Guide"]


def test_a_bundle_is_not_claimed_while_a_file_that_it_names_is_missing(tmp_path: Path) -> None:
    """It may still be being copied; the file completes it."""
    source = make_bundle(tmp_path / "source")
    with running_daemon(tmp_path / "daemon", {"spool": {"settle_s": 0.1}}) as daemon:
        target = daemon.spool / "inbox" / "slow"
        target.mkdir()
        shutil.copy(source / "job.toml", target)
        daemon.wait_until(lambda: daemon.status().get("waiting") == 1, "the incomplete bundle in the status")
        assert target.exists()
        shutil.copy(source / "Ada.wav", target)
        assert daemon.wait_for_result("slow")["status"] == "done"


def test_two_bundles_with_the_same_name_are_both_published(tmp_path: Path) -> None:
    """The second result has a number; nothing is overwritten."""
    first = make_bundle(tmp_path / "a" / "same", {"Ada": ["First."]})
    second = make_bundle(tmp_path / "b" / "same", {"Ada": ["Second."]})
    with running_daemon(tmp_path / "daemon") as daemon:
        daemon.drop(first)
        daemon.wait_for_result("same")
        daemon.drop(second)
        result = daemon.wait_for_result("same-2")
        assert result["speakers"][0]["segments"][0]["text"] == "Second."
        assert daemon.result("same")["speakers"][0]["segments"][0]["text"] == "First."


def test_run_once_processes_the_inbox_and_exits(tmp_path: Path) -> None:
    """The exit code is 0 if every job is done, and 1 if one is not."""
    daemon = DaemonProcess(tmp_path / "daemon", {})
    (daemon.spool / "inbox").mkdir(parents=True)
    make_bundle(daemon.spool / "inbox" / "good")
    assert daemon.run_once() == 0
    assert daemon.result("good")["status"] == "done"
    make_bundle(daemon.spool / "inbox" / "bad", {"Ada": ["  "]})
    assert daemon.run_once() == 1
    assert daemon.result("bad")["status"] == "rejected"


def test_a_stop_finishes_the_takes_in_flight_and_the_next_start_resumes_the_job(tmp_path: Path) -> None:
    """No new take is started after SIGTERM; the finished clips are published unchanged."""
    lines = [f"Line {n}." for n in range(40)]
    bundle = make_bundle(tmp_path / "long", {"Ada": lines})
    gate = tmp_path / "gate"
    with running_daemon(tmp_path / "daemon", {"pool": {"cpu_workers": 1}}, gate=str(gate)) as daemon:
        daemon.drop(bundle)
        daemon.wait_for_log("Launching Worker 0 on CPU for Speaker 0")
        daemon.process.send_signal(signal.SIGTERM)
        daemon.wait_for_log("stopping")
        gate.touch()
        assert daemon.wait() == 0
        assert len(daemon.journal("long", "spoken")) == 1
        before = daemon.clip_inodes("work/long/out")
        daemon.start()
        result = daemon.wait_for_result("long")
        assert result["totals"]["done"] == 40
        assert before.items() <= daemon.clip_inodes("outbox/long").items()


def test_a_killed_daemon_resumes_and_publishes_the_finished_clips_unchanged(tmp_path: Path) -> None:
    """It speaks only the other lines."""
    lines = [f"Line {n}." for n in range(60)]
    bundle = make_bundle(tmp_path / "long", {"Ada": lines})
    with running_daemon(tmp_path / "daemon", step_s=0.02) as daemon:
        daemon.drop(bundle)
        daemon.wait_until(lambda: len(daemon.journal("long", "spoken")) > 5, "some clips")
        daemon.kill()
        num_spoken = len(daemon.journal("long", "spoken"))
        before = daemon.clip_inodes("work/long/out")
        assert 5 < num_spoken < 60
        daemon.start()
        assert daemon.wait_for_result("long")["totals"]["done"] == 60
        assert len(before.items() & daemon.clip_inodes("outbox/long").items()) >= num_spoken


def test_the_log_lines_of_the_contract_are_exact(tmp_path: Path) -> None:
    """Operators' scripts search for them."""
    with running_daemon(tmp_path) as daemon:
        daemon.drop(EXAMPLES / "two-voices")
        daemon.wait_for_result("two-voices")
        log = daemon.log()
    assert "[Main] Using 2 parallel workers on the CPU" in log
    for speaker in (0, 1):  # either worker may be ready first
        assert re.search(rf"\[Main\] Launching Worker [01] on CPU for Speaker {speaker}$", log, re.MULTILINE)


def test_a_second_daemon_on_the_same_spool_is_refused(tmp_path: Path) -> None:
    """Its exit code is 3, and its message has the pid of the first."""
    with running_daemon(tmp_path) as daemon:
        second = subprocess.run(
            [sys.executable, "-m", "fishd", "run", "--config", str(daemon.config_path)],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert second.returncode == 3
        assert f"another fishd (pid {daemon.process.pid}) owns this spool" in second.stderr


def test_a_reload_grows_and_shrinks_the_pool(tmp_path: Path) -> None:
    """SIGHUP causes it; a bad file changes nothing, and its fault is logged with its place."""
    with running_daemon(tmp_path, {"pool": {"cpu_workers": 1}}) as daemon:
        daemon.write_config({"pool": {"cpu_workers": 3}})
        daemon.reload()
        daemon.wait_until(lambda: len(daemon.workers()) == 3, "three workers")
        daemon.write_config({"pool": {"cpu_workers": 1}})
        daemon.reload()
        daemon.wait_until(lambda: len(daemon.workers()) == 1, "one worker")
        daemon.write_config({"pool": {"cpu_workers": "many"}})
        daemon.reload()
        daemon.wait_for_log("the configuration is unchanged")
        assert "pool.cpu_workers" in daemon.log()
        daemon.drop(EXAMPLES / "two-voices")
        assert daemon.wait_for_result("two-voices")["status"] == "done"


def test_an_archive_in_the_inbox_is_spoken(tmp_path: Path) -> None:
    """The job has its name without the ending; the archive is moved to archive/ with it."""
    source = make_bundle(tmp_path / "source")
    with running_daemon(tmp_path / "daemon") as daemon:
        packed = Path(shutil.make_archive(str(tmp_path / "Episode 3"), "gztar", source))
        shutil.copy(packed, daemon.spool / "inbox")
        assert daemon.wait_for_result("Episode 3")["status"] == "done"
        (daemon.spool / "inbox" / "broken.zip").write_bytes(b"PK\5\6" + bytes(18))
        assert daemon.wait_for_result("broken")["status"] == "rejected"
        daemon.wait_until(lambda: not any((daemon.spool / "work").iterdir()), "an empty work/")
        assert (daemon.spool / "archive" / "Episode 3.tar.gz").read_bytes() == packed.read_bytes()
