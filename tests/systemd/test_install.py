"""Installing, the journal, rotation, and what uninstalling leaves."""

from __future__ import annotations

import json
import re

from tests.systemd.conftest import SPOOL, Service


def test_installing_again_changes_nothing(service: Service) -> None:
    """Every file is unchanged, and the configuration is the operator's."""
    service.configure()
    before = service.machine.path("/etc/fishd/config.toml").read_text()
    said = service.machine.run("fishd", "service", "install").splitlines()
    steps = {line.split()[0] for line in said if not line.startswith("fishd: ")}
    assert {"unchanged", "keep", "run"} == steps
    assert service.machine.path("/etc/fishd/config.toml").read_text() == before


def test_systemd_finds_no_fault_in_the_installed_unit(service: Service) -> None:
    """`verify` is silent, and the exposure at most 1.0."""
    assert service.machine.run("systemd-analyze", "verify", "--man=no", "fishd.service") == ""
    judged = service.machine.run(
        "systemd-analyze", "security", "--no-pager", "--threshold=10", "fishd.service"
    )
    print(judged.splitlines()[-1])


def test_journal_lines_have_their_priority_and_one_time(service: Service) -> None:
    """Information is 6, a rejected job 4, an error 3; journald's own time is the only one."""
    service.configure({"faults": {"Line 1.": "exit"}}, max_takes=2)
    service.start()
    service.drop("mixed", lines=2)
    assert service.wait_for_result("mixed")["status"] == "partial"
    service.stop()
    lines = [json.loads(line) for line in service.machine.journal("-o", "json").splitlines()]
    ours = [line for line in lines if line.get("SYSLOG_IDENTIFIER") == "fishd"]
    priority_of = {line["MESSAGE"]: line["PRIORITY"] for line in ours}
    assert next(p for m, p in priority_of.items() if "ready: noop" in m) == "6"
    assert next(p for m, p in priority_of.items() if "gone: " in m) == "3"
    assert next(p for m, p in priority_of.items() if "mixed: partial" in m) == "4"
    assert not [m for m in priority_of if re.search(r"\d\d:\d\d:\d\d", m) or m.startswith("<")]


def test_a_log_file_goes_on_after_logrotate(service: Service) -> None:
    """The file is renamed and fishd opens a new one; no line is lost and no signal is needed."""
    service.configure()
    config = service.machine.path("/etc/fishd/config.toml")
    config.write_text(config.read_text() + '\n[log]\nfile = "/var/log/fishd/fishd.log"\n')
    service.start()
    service.machine.run("logrotate", "--force", "/etc/logrotate.d/fishd")
    service.drop("after")
    service.wait_for_result("after")
    assert "after" in service.machine.path("/var/log/fishd/fishd.log").read_text()
    assert "ready: noop" in service.machine.path("/var/log/fishd/fishd.log.1").read_text()


def test_commands_find_the_service_from_anywhere(service: Service) -> None:
    """Without --config, the service's configuration is used."""
    service.configure()
    service.start()
    assert SPOOL in service.machine.run("fishd", "status")


def test_uninstalling_leaves_configuration_and_spool(service: Service) -> None:
    """Only the configuration is left in /etc; installing again finds it."""
    service.configure()
    service.start()
    service.machine.run("fishd", "service", "uninstall")
    assert service.is_active() == "inactive"
    assert not service.machine.path("/etc/systemd/system/fishd.service").exists()
    assert not service.machine.path("/usr/local/share/man/man1/fishd.1").exists()
    assert service.machine.path("/etc/fishd/config.toml").exists()
    assert (service.spool / "inbox").is_dir()
    service.machine.run("/opt/fishd/bin/fishd", "service", "install")
