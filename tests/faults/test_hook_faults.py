"""Hooks that misbehave: each is logged and counted, and none holds up the next one."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from fishd.daemon.publishing.hooks import HookEnded, HookRunner
from fishd.daemon.publishing.program import MAX_OUTPUT_BYTES, run_program
from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import running_daemon

LIMIT_S = 60.0
SHORT_S = 1.0


def publish(root: Path, *names: str) -> None:
    """Results whose hooks have yet to run, in the order of their publication."""
    (root / ".hooks").mkdir(exist_ok=True)
    for name in names:
        (root / "outbox" / name).mkdir(parents=True)
        (root / ".hooks" / name).touch()


def run_hooks(
    root: Path, command: Sequence[str], num_results: int, limit_s: float = LIMIT_S
) -> list[HookEnded]:
    """Run the hooks that are left from an earlier run; how each ended."""

    async def run() -> list[HookEnded]:
        ended: asyncio.Queue[HookEnded] = asyncio.Queue()
        runner = HookRunner(root, root / "outbox", os.environ, ended.put_nowait, limit_s=limit_s)
        runner.command = command
        async with asyncio.timeout(LIMIT_S):
            running = asyncio.create_task(runner.run())
            ends = [await ended.get() for _ in range(num_results)]
        running.cancel()
        assert 0 == runner.num_waiting
        return ends

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("exit 3", "/bin/sh ended with status 3"),
        ("kill -9 $$", "/bin/sh ended with status -9"),
        ("sleep 1000", "had not ended after 1 s and was killed"),
        ("trap '' TERM; while :; do sleep 1; done", "had not ended after 1 s and was killed"),
        ("sleep 1000 & exit 0", ""),  # it holds the output open, and is killed
        ("setsid sleep 30 & exit 0", ""),  # it left the session: its output is not waited for
        ("yes | head -c 20000000", ""),
        ("cat", ""),  # there is no input
        (r"printf '\377\n'", ""),
    ],
)
def test_a_hook_that_misbehaves_does_not_hold_up_the_next(tmp_path: Path, script: str, fault: str) -> None:
    """Its fault is reported, and its mark is removed: it has run."""
    publish(tmp_path, "bad", "good")
    command = ["/bin/sh", "-c", f'test "$FISHD_JOB" = good || {{ {script}; }}']
    assert [HookEnded("bad", fault), HookEnded("good")] == run_hooks(tmp_path, command, 2, SHORT_S)
    assert [] == list((tmp_path / ".hooks").iterdir())


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("/no/such/program", "cannot be run: [Errno 2] No such file or directory: '/no/such/program'"),
        ("/etc/passwd", "cannot be run: [Errno 13] Permission denied: '/etc/passwd'"),
        ("a\0b", "cannot be run: embedded null byte"),
    ],
)
def test_a_hook_that_cannot_be_started_is_reported(tmp_path: Path, command: str, fault: str) -> None:
    """Once for each result."""
    publish(tmp_path, "one", "two")
    faults = [HookEnded(name, f"{command} {fault}") for name in ("one", "two")]
    assert faults == run_hooks(tmp_path, [command], 2)


def test_the_hook_of_a_result_that_was_taken_away_is_skipped(tmp_path: Path) -> None:
    """A user may be faster than the hook."""
    publish(tmp_path, "gone")
    (tmp_path / "outbox" / "gone").rmdir()
    assert [HookEnded("gone")] == run_hooks(tmp_path, ["touch", str(tmp_path / "hooked")], 1)
    assert not (tmp_path / "hooked").exists()


def test_only_the_first_part_of_a_long_output_is_kept() -> None:
    """The rest is read, so that the program goes on."""
    write = f"import sys; sys.stdout.write('x' * {MAX_OUTPUT_BYTES * 50}); sys.stderr.write('y')"
    ended = asyncio.run(run_program([sys.executable, "-c", write], os.environ, LIMIT_S))
    assert (0, "x" * MAX_OUTPUT_BYTES) == (ended.status, ended.output)


def test_a_hook_that_hangs_does_not_hold_up_jobs_or_a_stop(tmp_path: Path) -> None:
    """It runs again after the next start."""
    runs = tmp_path / "runs"
    hook = f'echo "$FISHD_JOB" >> {runs}; until test -e {tmp_path / "gate"}; do sleep 0.1; done'
    config = {"hooks": {"published": ["/bin/sh", "-c", hook]}, "metrics": {"textfile": "fishd.prom"}}
    with running_daemon(tmp_path / "daemon", config) as daemon:
        for name in ("one", "two"):
            daemon.drop(make_bundle(tmp_path / name))
            daemon.wait_for_result(name)
        daemon.wait_until(runs.exists, "the first hook")
        assert 0 == daemon.stop()
        assert ["one"] == runs.read_text().split()
        (tmp_path / "gate").touch()
        daemon.start()
        daemon.wait_until(lambda: not list((daemon.spool / ".hooks").iterdir()), "both hooks to end")
        assert ["one", "one", "two"] == runs.read_text().split()
        assert 0 == daemon.stop()
        metrics = (daemon.folder / "fishd.prom").read_text()
        assert 'fishd_hooks_total{status="succeeded"} 2' in metrics


def test_the_hook_of_a_killed_daemon_runs_after_the_next_start(tmp_path: Path) -> None:
    """At least once: it may have done its work already."""
    runs = tmp_path / "runs"
    hook = f'echo "$FISHD_JOB" >> {runs}; until test -e {tmp_path / "gate"}; do sleep 0.1; done'
    config = {"hooks": {"published": ["/bin/sh", "-c", hook]}}
    with running_daemon(tmp_path / "daemon", config) as daemon:
        daemon.drop(make_bundle(tmp_path / "one"))
        daemon.wait_until(runs.exists, "the hook")
        daemon.kill()
        (tmp_path / "gate").touch()
        daemon.start()
        daemon.wait_until(lambda: not list((daemon.spool / ".hooks").iterdir()), "the hook to end")
        assert ["one", "one"] == runs.read_text().split()


def test_a_mark_that_cannot_be_removed_is_reported(tmp_path: Path) -> None:
    """The hook runs again after the next start."""
    publish(tmp_path, "one")
    (tmp_path / ".hooks" / "one").unlink()
    (tmp_path / ".hooks" / "one").mkdir()
    (end,) = run_hooks(tmp_path, ["false"], 1)
    mark = tmp_path / ".hooks" / "one"
    fault = f"{mark} cannot be removed, so that it runs again after the next start: Is a directory"
    assert f"false ended with status 1; {fault}" == end.fault
