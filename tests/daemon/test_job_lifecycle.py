"""The walk of a job through the real daemon: from the inbox to the outbox."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import wave
from pathlib import Path

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import EXAMPLES, LIMIT_S, DaemonProcess, running_daemon


def test_a_dropped_episode_comes_out_as_46_clips_and_a_summary(tmp_path: Path) -> None:
    """Every line becomes a clip of 16-bit mono PCM; summaries, result and log stand beside them."""
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
        assert "episode" in (published / "job.log").read_text()
        daemon.wait_until(lambda: not any((daemon.spool / "work").iterdir()), "work/ to be cleared")
        assert (daemon.spool / "archive" / "episode" / "job.toml").exists()


def test_a_bundle_without_manifest_is_taken_by_convention(tmp_path: Path) -> None:
    """Sub-folders are speakers; no `.ready` is needed once nothing changes any more."""
    with running_daemon(tmp_path) as daemon:
        shutil.copytree(EXAMPLES / "by-convention", daemon.spool / "inbox" / "by-convention")
        result = daemon.wait_for_result("by-convention")
    assert result["status"] == "done"
    assert [speaker["name"] for speaker in result["speakers"]] == ["Curator", "Guide"]


def test_a_bundle_is_not_taken_while_it_is_still_copied(tmp_path: Path) -> None:
    """A manifest that names a file which is not there yet keeps the bundle waiting; the file completes it."""
    source = make_bundle(tmp_path / "source")
    with running_daemon(tmp_path / "daemon", {"spool": {"settle_s": 0.1}}) as daemon:
        target = daemon.spool / "inbox" / "slow"
        target.mkdir()
        shutil.copy(source / "job.toml", target)
        daemon.wait_until(lambda: daemon.status().get("waiting") == 1, "the bundle to be seen")
        assert target.exists()
        shutil.copy(source / "Ada.wav", target)
        assert daemon.wait_for_result("slow")["status"] == "done"


def test_two_bundles_of_one_name_both_come_out(tmp_path: Path) -> None:
    """The second result gets a number; nothing is overwritten."""
    first = make_bundle(tmp_path / "a" / "same", {"Ada": ["First."]})
    second = make_bundle(tmp_path / "b" / "same", {"Ada": ["Second."]})
    with running_daemon(tmp_path / "daemon") as daemon:
        daemon.drop(first)
        daemon.wait_for_result("same")
        daemon.drop(second)
        result = daemon.wait_for_result("same-2")
        assert result["speakers"][0]["segments"][0]["text"] == "Second."
        assert daemon.result("same")["speakers"][0]["segments"][0]["text"] == "First."


def test_once_works_off_the_inbox_and_stops(tmp_path: Path) -> None:
    """`--once` ends by itself, with 0 when every job was done and 1 when one was not."""
    daemon = DaemonProcess(tmp_path / "daemon", {})
    (daemon.spool / "inbox").mkdir(parents=True)
    make_bundle(daemon.spool / "inbox" / "good")
    assert daemon.once() == 0
    assert daemon.result("good")["status"] == "done"
    make_bundle(daemon.spool / "inbox" / "bad", {"Ada": ["  "]})
    assert daemon.once() == 1
    assert daemon.result("bad")["status"] == "rejected"


def test_stop_finishes_what_is_in_hand_and_the_next_start_resumes(tmp_path: Path) -> None:
    """SIGTERM takes no new work; what is unfinished comes out after the next start, and nothing twice."""
    lines = [f"Line {n}." for n in range(40)]
    bundle = make_bundle(tmp_path / "long", {"Ada": lines})
    gate = tmp_path / "gate"
    with running_daemon(tmp_path / "daemon", {"pool": {"cpu_workers": 1}}, gate=str(gate)) as daemon:
        daemon.drop(bundle)
        daemon.wait_for_log("Launching Worker 0 on CPU for Speaker 0")
        assert daemon.process
        daemon.process.send_signal(signal.SIGTERM)
        daemon.wait_for_log("stopping")
        gate.touch()
        assert daemon.process.wait(LIMIT_S) == 0
        journal = (daemon.spool / "work" / "long" / "journal.jsonl").read_text()
        spoken = [json.loads(line) for line in journal.splitlines() if '"spoken"' in line]
        assert len(spoken) == 1
        before = {p.name: p.stat().st_ino for p in daemon.spool.glob("work/long/out/clips/*/*.wav")}
        daemon.start()
        result = daemon.wait_for_result("long")
        assert result["totals"]["done"] == 40
        after = {p.name: p.stat().st_ino for p in daemon.spool.glob("outbox/long/clips/*/*.wav")}
        assert before.items() <= after.items()


def test_a_killed_daemon_resumes_without_speaking_anything_again(tmp_path: Path) -> None:
    """kill -9 in the midst of a job: finished clips stay the same files, the rest is spoken."""
    lines = [f"Line {n}." for n in range(60)]
    bundle = make_bundle(tmp_path / "long", {"Ada": lines})
    with running_daemon(tmp_path / "daemon", step_s=0.02) as daemon:
        daemon.drop(bundle)
        journal = daemon.spool / "work" / "long" / "journal.jsonl"
        daemon.wait_until(
            lambda: journal.exists() and journal.read_text().count('"spoken"') > 5, "some clips"
        )
        daemon.kill()
        done = journal.read_text().count('"spoken"')
        clips = {p.name: p.stat().st_ino for p in daemon.spool.glob("work/long/out/clips/*/[!.]*.wav")}
        assert 5 < done < 60
        daemon.start()
        assert daemon.wait_for_result("long")["totals"]["done"] == 60
        after = {p.name: p.stat().st_ino for p in daemon.spool.glob("outbox/long/clips/*/*.wav")}
        assert len(clips.items() & after.items()) >= done


def test_the_contracts_log_lines_are_exact(tmp_path: Path) -> None:
    """Operators and their scripts find the lines that they know."""
    with running_daemon(tmp_path) as daemon:
        daemon.drop(EXAMPLES / "two-voices")
        daemon.wait_for_result("two-voices")
        log = daemon.log()
    assert "[Main] Using 2 parallel workers on the CPU" in log
    for speaker in (0, 1):  # whichever worker was ready first
        assert re.search(rf"\[Main\] Launching Worker [01] on CPU for Speaker {speaker}$", log, re.MULTILINE)


def test_a_second_daemon_on_the_same_spool_is_refused(tmp_path: Path) -> None:
    """Exit code 3, and the owner's pid in words."""
    with running_daemon(tmp_path) as daemon:
        second = subprocess.run(
            [sys.executable, "-m", "fishd", "run", "--config", str(daemon.config_path)],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert daemon.process
        assert second.returncode == 3
        assert f"another fishd (pid {daemon.process.pid}) owns this spool" in second.stderr


def test_a_reload_grows_and_shrinks_the_pool(tmp_path: Path) -> None:
    """SIGHUP reads the file again; a bad file changes nothing and is said with its place."""
    with running_daemon(tmp_path, {"pool": {"cpu_workers": 1}}) as daemon:
        assert daemon.process
        daemon.write_config({"pool": {"cpu_workers": 3}})
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_until(lambda: len(daemon.status().get("workers", [])) == 3, "three workers")
        daemon.write_config({"pool": {"cpu_workers": 1}})
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_until(lambda: len(daemon.status().get("workers", [])) == 1, "one worker")
        daemon.write_config({"pool": {"cpu_workers": "many"}})
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for_log("the configuration is unchanged")
        assert "pool.cpu_workers" in daemon.log()
        daemon.drop(EXAMPLES / "two-voices")
        assert daemon.wait_for_result("two-voices")["status"] == "done"


def test_an_archive_in_the_inbox_is_spoken(tmp_path: Path) -> None:
    """A packed bundle is a job of its name; the archive itself is what is archived, with its ending."""
    source = make_bundle(tmp_path / "source")
    with running_daemon(tmp_path / "daemon") as daemon:
        packed = Path(shutil.make_archive(str(tmp_path / "Episode 3"), "gztar", source))
        shutil.copy(packed, daemon.spool / "inbox")
        assert daemon.wait_for_result("Episode 3")["status"] == "done"
        (daemon.spool / "inbox" / "broken.zip").write_bytes(b"PK\5\6" + bytes(18))
        assert daemon.wait_for_result("broken")["status"] == "rejected"
        daemon.wait_until(lambda: not any((daemon.spool / "work").iterdir()), "work/ to be cleared")
        assert (daemon.spool / "archive" / "Episode 3.tar.gz").read_bytes() == packed.read_bytes()
