"""Start, reload, crash, hang and stop under a real systemd."""

from __future__ import annotations

import re
import time

from tests.systemd.conftest import Service


def test_start_is_over_only_when_a_worker_is_ready(service: Service) -> None:
    """While the engine loads the unit is activating; `systemctl start` returns when it has loaded."""
    service.configure({"load_gate": "/run/loaded"})
    service.machine.run("systemctl", "start", "--no-block", "fishd")
    status = service.spool / "status.json"
    status.unlink(missing_ok=True)
    service.machine.wait_until(lambda: status.exists() and bool(service.status()["workers"]), "a worker")
    assert service.is_active() == "activating"
    assert service.status()["state"] == "starting"
    service.machine.run("touch", "/run/loaded")
    service.start()
    assert service.is_active() == "active"
    service.machine.wait_until(lambda: service.status()["state"] == "running", "the status to say so")
    service.machine.run("rm", "/run/loaded")


def test_a_start_that_cannot_work_fails_at_once_and_says_why(service: Service) -> None:
    """A fault in the configuration causes no restart; the journal names its place."""
    service.configure(cpu_workers="many")
    assert service.machine.tried("systemctl", "start", "fishd").returncode != 0
    assert service.is_active() == "failed"
    assert service.restarts() == 0
    assert "pool.cpu_workers" in service.machine.journal()


def test_a_start_without_an_engine_fails_and_says_why(service: Service) -> None:
    """What no worker can load is tried a few times; then `systemctl start` fails."""
    service.configure({"load": "raise"})
    service.drop_in("Restart=no")
    assert service.machine.tried("systemctl", "start", "fishd").returncode != 0
    assert service.is_active() == "failed"
    assert "the noop engine was told to raise" in service.machine.journal()
    assert "no worker can be started" in service.machine.journal()


def test_reload_changes_the_pool(service: Service) -> None:
    """`systemctl reload` returns when the new configuration is in force."""
    service.configure(cpu_workers=1)
    service.start()
    daemon = service.pid()
    service.configure(cpu_workers=3)
    service.machine.run("systemctl", "reload", "fishd")
    service.machine.wait_until(lambda: len(service.status()["workers"]) == 3, "three workers")
    service.wait_until_reloaded()
    assert service.pid() == daemon


def test_a_reload_of_a_bad_file_fails_and_changes_nothing(service: Service) -> None:
    """`systemctl reload` fails; the daemon continues as before."""
    service.configure(cpu_workers=1)
    service.start()
    daemon = service.pid()
    service.configure(cpu_workers="many")
    assert service.machine.tried("systemctl", "reload", "fishd").returncode != 0
    words = "the configuration is unchanged"  # by the watch: `fishd reload` itself refuses
    service.machine.wait_until(lambda: words in service.machine.journal(), "the fault in the journal")
    service.wait_until_reloaded()
    assert service.pid() == daemon


def test_a_killed_daemon_is_restarted_and_the_job_resumes(service: Service) -> None:
    """kill -9: what was spoken stays the same files, the rest is spoken, no worker is left over."""
    service.configure({"step_s": 0.05})
    service.start()
    service.drop("long", lines=80)
    service.machine.wait_until(lambda: service.num_spoken("long") > 5, "some clips")
    killed = service.pid()
    service.machine.run("kill", "-KILL", str(killed))
    clips = service.clips("work/long/out")
    service.machine.wait_until(lambda: service.pid() not in (0, killed), "a new daemon")
    result = service.wait_for_result("long")
    assert result["totals"]["done"] == 80
    assert service.restarts() == 1
    assert len(clips.items() & service.clips("outbox/long").items()) >= 5


def test_a_frozen_loop_is_aborted_and_the_job_resumes(service: Service) -> None:
    """The watchdog gets no more heartbeats: SIGABRT, the stack in the journal, a new daemon."""
    service.configure({"step_s": 0.05})
    service.drop_in("WatchdogSec=2\nEnvironment=PYTHONPATH=/opt/inside/freezing")
    service.start()
    service.drop("long", lines=80)
    service.machine.wait_until(lambda: service.num_spoken("long") > 5, "some clips")
    frozen = service.pid()
    service.machine.run("kill", "-USR2", str(frozen))
    service.machine.wait_until(lambda: service.pid() not in (0, frozen), "a new daemon")
    assert service.wait_for_result("long")["totals"]["done"] == 80
    journal = service.machine.journal()
    assert "Watchdog timeout" in journal
    assert "freezing/sitecustomize.py" in journal
    assert service.restarts() == 1


def test_stop_finishes_the_takes_in_progress(service: Service) -> None:
    """The unit stops without an error; unfinished jobs resume at the next start."""
    service.configure({"step_s": 1.0})
    service.start()
    service.drop("long", lines=5)
    service.machine.wait_until(lambda: service.num_spoken("long") > 0, "a clip")
    spoken = service.num_spoken("long")
    service.stop()
    assert service.num_spoken("long") == spoken + 1
    assert service.machine.show("fishd", "Result")["Result"] == "success"
    assert service.is_active() == "inactive"
    service.configure()
    service.start()
    assert service.wait_for_result("long")["totals"]["done"] == 5


def test_stop_keeps_its_limit(service: Service) -> None:
    """A take that never ends costs drain_s, no more; nothing of the service is left."""
    service.configure({"gate": "/run/never"}, drain_s=3.0)
    service.drop_in("TimeoutStopSec=1")  # fishd must ask for what it needs
    service.start()
    service.drop("stuck")
    service.machine.wait_until(lambda: "Launching Worker" in service.machine.journal(), "a take")
    began = time.monotonic()
    service.stop()
    assert 3.0 <= time.monotonic() - began < 13.0
    assert service.machine.show("fishd", "Result")["Result"] == "success"
    assert "fishd.worker" not in service.machine.run("ps", "-e", "-o", "args")


def test_systemctl_status_shows_the_progress(service: Service) -> None:
    """One line: jobs, segments, workers, the time left."""
    service.configure({"step_s": 0.1})
    service.start()
    service.drop("long", lines=40)
    service.machine.wait_until(lambda: service.num_spoken("long") > 2, "some clips")
    line = re.compile(r"1 job, \d+/40 segments, 1 worker, \d\d:\d\d left")
    service.machine.wait_until(
        lambda: bool(line.fullmatch(service.machine.show("fishd", "StatusText")["StatusText"])),
        "the job in the status",
    )
