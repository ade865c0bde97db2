"""Start, reload, crash, hang and stop of the service under a real systemd."""

from __future__ import annotations

import re

from tests.systemd.conftest import Service


def test_systemctl_start_returns_when_a_worker_is_ready(service: Service) -> None:
    """While the engine loads, the unit is "activating"."""
    service.configure({"load_gate": "/run/loaded"})
    service.container.run("systemctl", "start", "--no-block", "fishd")
    status = service.spool / "status.json"
    status.unlink(missing_ok=True)
    service.container.wait_until(lambda: status.exists() and bool(service.status()["workers"]), "a worker")
    assert service.active_state() == "activating"
    assert service.status()["state"] == "starting"
    service.container.run("touch", "/run/loaded")
    service.start()
    assert service.active_state() == "active"
    service.container.wait_until(lambda: service.status()["state"] == "running", "the state in the status")
    service.container.run("rm", "/run/loaded")


def test_a_start_with_an_invalid_configuration_fails_without_a_restart(service: Service) -> None:
    """The journal names the key."""
    service.configure(cpu_workers="many")
    assert service.container.try_run("systemctl", "start", "fishd").returncode != 0
    assert service.active_state() == "failed"
    assert service.restarts() == 0
    assert "pool.cpu_workers" in service.container.journal()


def test_a_start_fails_if_no_worker_can_load_the_engine(service: Service) -> None:
    """It does so after a few attempts; the journal has the reason."""
    service.configure({"load": "raise"})
    service.drop_in("Restart=no")
    assert service.container.try_run("systemctl", "start", "fishd").returncode != 0
    assert service.active_state() == "failed"
    assert "the noop engine was told to raise" in service.container.journal()
    assert "no worker can be started" in service.container.journal()


def test_a_reload_changes_the_number_of_workers(service: Service) -> None:
    """The daemon's process stays the same."""
    service.configure(cpu_workers=1)
    service.start()
    daemon = service.pid()
    service.configure(cpu_workers=3)
    service.container.run("systemctl", "reload", "fishd")
    service.container.wait_until(lambda: len(service.status()["workers"]) == 3, "three workers")
    service.wait_until_reloaded()
    assert service.pid() == daemon


def test_a_reload_of_a_bad_file_fails_and_changes_nothing(service: Service) -> None:
    """The daemon continues with the old configuration."""
    service.configure(cpu_workers=1)
    service.start()
    daemon = service.pid()
    service.configure(cpu_workers="many")
    assert service.container.try_run("systemctl", "reload", "fishd").returncode != 0
    text = "the configuration is unchanged"  # logged by the file watch; `fishd reload` itself fails
    service.container.wait_until(lambda: text in service.container.journal(), "the fault in the journal")
    service.wait_until_reloaded()
    assert service.pid() == daemon


def test_a_killed_daemon_is_restarted_and_the_job_resumes(service: Service) -> None:
    """The finished clips are published unchanged."""
    service.configure({"step_s": 0.05})
    service.start()
    service.drop("long", lines=80)
    service.container.wait_until(lambda: service.num_spoken("long") > 5, "some clips")
    killed = service.pid()
    service.container.run("kill", "-KILL", str(killed))
    clips = service.clip_inodes("work/long/out")
    service.container.wait_until(lambda: service.pid() not in (0, killed), "a new daemon")
    result = service.wait_for_result("long")
    assert result["totals"]["done"] == 80
    assert service.restarts() == 1
    assert len(clips.items() & service.clip_inodes("outbox/long").items()) >= 5


def test_a_blocked_daemon_is_aborted_by_the_watchdog_and_the_job_resumes(service: Service) -> None:
    """The journal has the stack of the blocked process."""
    service.configure({"step_s": 0.05})
    service.drop_in("WatchdogSec=2\nEnvironment=PYTHONPATH=/opt/inside/blocking")
    service.start()
    service.drop("long", lines=80)
    service.container.wait_until(lambda: service.num_spoken("long") > 5, "some clips")
    blocked = service.pid()
    service.container.run("kill", "-USR2", str(blocked))
    service.container.wait_until(lambda: service.pid() not in (0, blocked), "a new daemon")
    assert service.wait_for_result("long")["totals"]["done"] == 80
    journal = service.container.journal()
    assert "Watchdog timeout" in journal
    assert "blocking/sitecustomize.py" in journal
    assert service.restarts() == 1


def test_a_stop_finishes_the_takes_in_flight(service: Service) -> None:
    """The unit has no error; the job resumes at the next start."""
    service.configure({"step_s": 1.0})
    service.start()
    service.drop("long", lines=5)
    service.container.wait_until(lambda: service.num_spoken("long") > 0, "a clip")
    spoken = service.num_spoken("long")
    service.stop()
    assert service.num_spoken("long") == spoken + 1
    assert service.container.show("fishd", "Result")["Result"] == "success"
    assert service.active_state() == "inactive"
    service.configure()
    service.start()
    assert service.wait_for_result("long")["totals"]["done"] == 5


def test_a_stop_waits_at_most_drain_s_for_takes_in_flight(service: Service) -> None:
    """The workers end too."""
    service.configure({"gate": "/run/never"}, drain_s=3.0)
    service.drop_in("TimeoutStopSec=1")  # fishd must extend it
    service.start()
    service.drop("stuck")
    service.container.wait_until(lambda: "Launching Worker" in service.container.journal(), "a take")
    service.stop()
    assert "had not exited 3 s after it was told to" in service.container.journal()
    assert service.container.show("fishd", "Result")["Result"] == "success"
    assert "fishd.worker" not in service.container.run("ps", "-e", "-o", "args")


def test_systemctl_status_shows_the_progress_of_jobs(service: Service) -> None:
    """Jobs, segments, workers and the remaining time are in one line."""
    service.configure({"step_s": 0.1})
    service.start()
    service.drop("long", lines=40)
    service.container.wait_until(lambda: service.num_spoken("long") > 2, "some clips")
    line = re.compile(r"1 job, \d+/40 segments, 1 worker, \d\d:\d\d left")
    service.container.wait_until(
        lambda: bool(line.fullmatch(service.container.show("fishd", "StatusText")["StatusText"])),
        "the job in the status",
    )
