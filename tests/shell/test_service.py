"""`fishd service`: its steps, what they leave, and what is refused. The real thing is in tests/systemd."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from typer.main import get_command

from fishd.cli.app import app
from fishd.cli.output import CommandError
from fishd.cli.service import commands
from fishd.cli.service.installer import Installer
from fishd.cli.service.machine import Machine
from fishd.cli.service.service_files import Service, system_service, user_service
from fishd.core.config.parse import parse_config
from tests.shell.cli import fishd

MANUAL = "fishd(1)"


def machine(root: Path, command: tuple[str, ...] = ("/opt/fishd/bin/fishd",), version: int = 252) -> Machine:
    return Machine(command, version, root=root)


def installed(service: Service) -> list[str]:
    """The steps' first words; in place of systemd's commands, `true` is run."""
    steps: list[str] = []
    harmless(service).install(Installer(dry_run=False, report=steps.append), now=False, is_booted=False)
    return first_words(steps)


def uninstalled(service: Service) -> list[str]:
    steps: list[str] = []
    harmless(service).uninstall(Installer(dry_run=False, report=steps.append), is_booted=False)
    return first_words(steps)


def harmless(service: Service) -> Service:
    return dataclasses.replace(service, systemctl=("true",), commands=())


def first_words(steps: list[str]) -> list[str]:
    return [step.split()[0] for step in steps if not step.startswith("run ")]


def all_below(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir() or path.is_symlink()}


def test_an_installation_puts_everything_in_place(tmp_path: Path) -> None:
    """Unit, user, folders, configuration, rotation, command, manual and completion."""
    assert {"write", "link"} == set(installed(system_service(machine(tmp_path), MANUAL)))
    assert {
        "etc/fishd/config.toml",
        "etc/logrotate.d/fishd",
        "etc/systemd/system/fishd.service",
        "etc/sysusers.d/fishd.conf",
        "etc/tmpfiles.d/fishd.conf",
        "usr/local/bin/fishd",
        "usr/local/share/bash-completion/completions/fishd",
        "usr/local/share/fish/vendor_completions.d/fishd.fish",
        "usr/local/share/man/man1/fishd.1",
        "usr/local/share/zsh/site-functions/_fishd",
    } == all_below(tmp_path)
    config = parse_config((tmp_path / "etc/fishd/config.toml").read_text(), "config.toml", {})
    assert Path("/var/lib/fishd/spool") == config.spool.root
    assert Path("/var/lib/fishd/voices") == config.voices.root


def test_a_second_installation_changes_nothing(tmp_path: Path) -> None:
    """And never the operator's configuration."""
    service = system_service(machine(tmp_path), MANUAL)
    installed(service)
    (tmp_path / "etc/fishd/config.toml").write_text("# mine\n")
    before = {path: path.lstat().st_ino for path in tmp_path.rglob("*")}

    assert {"unchanged", "keep"} == set(installed(service))
    assert before == {path: path.lstat().st_ino for path in tmp_path.rglob("*")}
    assert "# mine\n" == (tmp_path / "etc/fishd/config.toml").read_text()


def test_an_upgrade_replaces_the_unit(tmp_path: Path) -> None:
    """A unit of an older version is fishd's own to replace."""
    service = system_service(machine(tmp_path), MANUAL)
    installed(service)
    (tmp_path / "etc/systemd/system/fishd.service").write_text("[Unit]\n")

    assert ["replace"] == [step for step in installed(service) if step not in ("unchanged", "keep")]


def test_a_dry_run_reports_every_step_and_does_none(tmp_path: Path) -> None:
    """Nothing is made, not even a folder; `systemctl` enables, and starts where systemd runs."""
    steps: list[str] = []
    service = system_service(machine(tmp_path), MANUAL)
    service.install(Installer(dry_run=True, report=steps.append), now=True, is_booted=True)

    assert [] == list(tmp_path.iterdir())
    assert f"write      {tmp_path}/etc/systemd/system/fishd.service" in steps
    assert ["systemctl daemon-reload", "systemctl enable --now fishd.service"] == [
        step.removeprefix("run        ") for step in steps[-2:]
    ]


def test_uninstalling_leaves_only_the_configuration(tmp_path: Path) -> None:
    """Even where the drop-in for a newer systemd was installed."""
    service = system_service(machine(tmp_path, version=257), MANUAL)
    installed(service)
    assert "etc/systemd/system/fishd.service.d/notify-reload.conf" in all_below(tmp_path)

    assert {"remove"} == set(uninstalled(service))
    assert {"etc/fishd/config.toml"} == all_below(tmp_path)
    assert not (tmp_path / "etc/systemd/system/fishd.service.d").exists()


def test_an_operators_drop_in_survives_uninstalling(tmp_path: Path) -> None:
    """What fishd did not put there it does not remove."""
    service = system_service(machine(tmp_path), MANUAL)
    installed(service)
    mine = tmp_path / "etc/systemd/system/fishd.service.d/mine.conf"
    mine.parent.mkdir()
    mine.write_text("[Service]\n")
    uninstalled(service)

    assert mine.exists()


@pytest.mark.parametrize(
    ("command", "exec_start"),
    [
        (("/srv/fishd/bin/python", "-m", "fishd"), "/srv/fishd/bin/python -m fishd"),
        (("/srv/100 %/bin/fishd",), '"/srv/100 %%/bin/fishd"'),
    ],
)
def test_the_unit_starts_this_installation(command: tuple[str, ...], exec_start: str, tmp_path: Path) -> None:
    """Its path is in ExecStart and ExecReload, as systemd reads it."""
    installed(system_service(machine(tmp_path, command), MANUAL))
    unit = (tmp_path / "etc/systemd/system/fishd.service").read_text().splitlines()

    assert f"ExecStart={exec_start} run --config /etc/fishd/config.toml" in unit
    assert f"ExecReload={exec_start} reload --config /etc/fishd/config.toml" in unit


def test_an_interpreter_is_not_linked_as_the_command(tmp_path: Path) -> None:
    """Where there is no script `fishd`, there is no /usr/local/bin/fishd."""
    installed(system_service(machine(tmp_path, ("/usr/bin/python3", "-m", "fishd")), MANUAL))

    assert not (tmp_path / "usr/local/bin").exists()


def test_a_user_installs_without_root(tmp_path: Path) -> None:
    """A unit of one's own, with configuration and spool in ~/fishd; and uninstalls it again."""
    home = tmp_path / "home"
    service = user_service(machine(tmp_path / "none"), home, MANUAL)
    installed(service)
    assert (home / "fishd/spool/inbox").is_dir()
    assert (home / ".config/systemd/user/fishd.service").exists()

    uninstalled(service)
    assert {"fishd/config.toml"} == all_below(home)


def test_another_programs_command_is_not_replaced(tmp_path: Path) -> None:
    """A file /usr/local/bin/fishd that fishd did not make stays."""
    (tmp_path / "fishd").write_text("#!/bin/sh\n")
    steps: list[str] = []
    Installer(dry_run=False, report=steps.append).link(tmp_path / "fishd", Path("/opt/fishd/bin/fishd"))

    assert ["keep"] == first_words(steps)
    assert not (tmp_path / "fishd").is_symlink()


def test_a_command_that_fails_is_reported_with_its_output() -> None:
    """Unless it may fail, as the stop of a service that does not exist."""
    installer = Installer(dry_run=False)
    failing = ("sh", "-c", "echo no such unit >&2; exit 5")
    with pytest.raises(CommandError, match="exit status 5: no such unit") as caught:
        installer.run(*failing)

    assert 1 == caught.value.code
    installer.run(*failing, may_fail=True)


def refusal(machine: Machine, *, user: bool = False) -> str:
    with pytest.raises(CommandError) as caught:
        commands.install(get_command(app), machine, user=user, now=False, dry_run=False)
    return str(caught.value)


def test_a_step_that_the_system_refuses_names_the_file() -> None:
    """And says how to continue."""
    expected = "/proc/none: No such file or directory; earlier steps are done, so run the command again"

    assert expected == refusal(Machine(("fishd",), 252, root=Path("/proc/none")))


def test_what_cannot_be_installed_is_refused_with_the_fix() -> None:
    """Before anything is touched."""
    command = ("fishd",)
    in_home = Machine(command, 252, path_in_home=Path("/home/ada/.venv"))

    assert "use sudo, or --user for" in refusal(Machine(command, 252, is_root=False))
    assert "systemd is not installed here; run `fishd run`" in refusal(Machine(command, 0), user=True)
    assert refusal(in_home).startswith("/home/ada/.venv: is in a home folder")
    assert "make install-service" in refusal(in_home)


def test_the_command_prints_its_steps(tmp_path: Path) -> None:
    """As a process, dry."""
    said = fishd("service", "install", "--user", "--dry-run", cwd=tmp_path, env={"HOME": str(tmp_path)})
    if "systemd is not installed" in said.stderr:
        pytest.skip("systemd is not installed here")

    assert 0 == said.returncode
    assert f"write      {tmp_path}/.config/systemd/user/fishd.service" in said.stdout.splitlines()
    assert [] == list(tmp_path.iterdir())
