"""Installation, the journal, log rotation and uninstallation."""

from __future__ import annotations

import json
import re

from tests.systemd.conftest import SPOOL, Service


def test_installing_again_changes_nothing(service: Service) -> None:
    """The operator's configuration is kept too."""
    service.configure()
    before = service.container.path("/etc/fishd/config.toml").read_text()
    output = service.container.run("fishd", "service", "install").splitlines()
    steps = {line.split()[0] for line in output if not line.startswith("fishd: ")}
    assert {"unchanged", "keep", "run"} == steps
    assert service.container.path("/etc/fishd/config.toml").read_text() == before


def test_systemd_verifies_the_installed_unit_and_rates_its_exposure_at_most_1(service: Service) -> None:
    assert service.container.run("systemd-analyze", "verify", "--man=no", "fishd.service") == ""
    service.container.run("systemd-analyze", "security", "--no-pager", "--threshold=10", "fishd.service")


def test_journal_lines_have_a_priority_and_no_time_of_their_own(service: Service) -> None:
    """It is 6 for information, 4 for a partial job and 3 for a worker that died."""
    service.configure({"faults": {"Line 1.": "exit"}}, max_takes=2)
    service.start()
    service.drop("mixed", lines=2)
    assert service.wait_for_result("mixed")["status"] == "partial"
    service.stop()
    lines = [json.loads(line) for line in service.container.journal("-o", "json").splitlines()]
    ours = [line for line in lines if line.get("SYSLOG_IDENTIFIER") == "fishd"]
    priority_of = {line["MESSAGE"]: line["PRIORITY"] for line in ours}
    assert next(p for m, p in priority_of.items() if "ready: noop" in m) == "6"
    assert next(p for m, p in priority_of.items() if "gone: " in m) == "3"
    assert next(p for m, p in priority_of.items() if "mixed: partial" in m) == "4"
    assert not [m for m in priority_of if re.search(r"\d\d:\d\d:\d\d", m) or m.startswith("<")]


def test_the_log_file_is_reopened_after_logrotate(service: Service) -> None:
    """It needs no signal, and loses no line."""
    service.configure()
    config = service.container.path("/etc/fishd/config.toml")
    config.write_text(config.read_text() + '\n[log]\nfile = "/var/log/fishd/fishd.log"\n')
    service.start()
    service.container.run("logrotate", "--force", "/etc/logrotate.d/fishd")
    service.drop("after")
    service.wait_for_result("after")
    assert "after" in service.container.path("/var/log/fishd/fishd.log").read_text()
    assert "ready: noop" in service.container.path("/var/log/fishd/fishd.log.1").read_text()


def test_commands_in_any_folder_use_the_configuration_of_the_service(service: Service) -> None:
    service.configure()
    service.start()
    assert SPOOL in service.container.run("fishd", "status")


def test_uninstalling_keeps_the_configuration_and_the_spool(service: Service) -> None:
    """Everything else is removed; the review page is stopped too."""
    service.configure()
    service.start()
    service.container.run("systemctl", "enable", "--now", "fishd-review")
    service.container.run("fishd", "service", "uninstall")
    assert service.active_state() == "inactive"
    assert service.container.try_run("systemctl", "is-active", "fishd-review").stdout == "inactive\n"
    units = service.container.path("/etc/systemd/system")
    assert [] == [path for path in units.rglob("fishd*.service") if "probe" not in path.name]
    assert not service.container.path("/usr/local/share/man/man1/fishd.1").exists()
    assert service.container.path("/etc/fishd/config.toml").exists()
    assert (service.spool / "inbox").is_dir()
    service.container.run("/opt/fishd/bin/fishd", "service", "install")
