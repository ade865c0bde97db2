"""`fishd service`: its steps, its files and its errors. tests/systemd runs it with a real systemd."""

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
    """Install the service, with `true` instead of systemd's commands; the first words of the steps."""
    steps: list[str] = []
    without_systemd(service).install(
        Installer(dry_run=False, report=steps.append), now=False, is_booted=False
    )
    return first_words(steps)


def uninstalled(service: Service) -> list[str]:
    steps: list[str] = []
    without_systemd(service).uninstall(Installer(dry_run=False, report=steps.append), is_booted=False)
    return first_words(steps)


def without_systemd(service: Service) -> Service:
    return dataclasses.replace(service, systemctl=("true",), commands=())


def first_words(steps: list[str]) -> list[str]:
    return [step.split()[0] for step in steps if not step.startswith("run ")]


def all_below(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir() or path.is_symlink()}


def test_installing_creates_every_file(tmp_path: Path) -> None:
    """They are unit, user, folders, configuration, log rotation, command, manual and completion."""
    assert {"write", "link"} == set(installed(system_service(machine(tmp_path), MANUAL)))
    assert {
        "etc/fishd/config.toml",
        "etc/logrotate.d/fishd",
        "etc/systemd/system/fishd-review.service",
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
    """The operator's configuration is kept too."""
    service = system_service(machine(tmp_path), MANUAL)
    installed(service)
    (tmp_path / "etc/fishd/config.toml").write_text("# edited\n")
    before = {path: path.lstat().st_ino for path in tmp_path.rglob("*")}

    assert {"unchanged", "keep"} == set(installed(service))
    assert before == {path: path.lstat().st_ino for path in tmp_path.rglob("*")}
    assert "# edited\n" == (tmp_path / "etc/fishd/config.toml").read_text()


def test_an_upgrade_replaces_the_unit(tmp_path: Path) -> None:
    """It belongs to fishd."""
    service = system_service(machine(tmp_path), MANUAL)
    installed(service)
    (tmp_path / "etc/systemd/system/fishd.service").write_text("[Unit]\n")

    assert ["replace"] == [step for step in installed(service) if step not in ("unchanged", "keep")]


def test_a_dry_run_reports_every_step_and_does_none(tmp_path: Path) -> None:
    """The last ones enable the unit and start it."""
    steps: list[str] = []
    service = system_service(machine(tmp_path), MANUAL)
    service.install(Installer(dry_run=True, report=steps.append), now=True, is_booted=True)

    assert [] == list(tmp_path.iterdir())
    assert f"write      {tmp_path}/etc/systemd/system/fishd.service" in steps
    assert ["systemctl daemon-reload", "systemctl enable --now fishd.service"] == [
        step.removeprefix("run        ") for step in steps[-2:]
    ]


def test_uninstalling_leaves_only_the_configuration(tmp_path: Path) -> None:
    """The drop-in for a newer systemd is removed too."""
    service = system_service(machine(tmp_path, version=257), MANUAL)
    installed(service)
    assert "etc/systemd/system/fishd.service.d/notify-reload.conf" in all_below(tmp_path)

    assert {"remove"} == set(uninstalled(service))
    assert {"etc/fishd/config.toml"} == all_below(tmp_path)
    assert not (tmp_path / "etc/systemd/system/fishd.service.d").exists()


def test_an_operators_drop_in_is_not_removed(tmp_path: Path) -> None:
    """Uninstalling removes only fishd's own files."""
    service = system_service(machine(tmp_path), MANUAL)
    installed(service)
    drop_in = tmp_path / "etc/systemd/system/fishd.service.d/operator.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\n")
    uninstalled(service)

    assert drop_in.exists()


@pytest.mark.parametrize(
    ("command", "exec_start"),
    [
        (("/srv/fishd/bin/python", "-m", "fishd"), "/srv/fishd/bin/python -m fishd"),
        (("/srv/100 %/bin/fishd",), '"/srv/100 %%/bin/fishd"'),
    ],
)
def test_the_unit_starts_this_installation(command: tuple[str, ...], exec_start: str, tmp_path: Path) -> None:
    """Its path is quoted for systemd in ExecStart and ExecReload."""
    installed(system_service(machine(tmp_path, command), MANUAL))
    unit = (tmp_path / "etc/systemd/system/fishd.service").read_text().splitlines()

    assert f"ExecStart={exec_start} run --config /etc/fishd/config.toml" in unit
    assert f"ExecReload={exec_start} reload --config /etc/fishd/config.toml" in unit
    review = (tmp_path / "etc/systemd/system/fishd-review.service").read_text()
    assert f"\nExecStart={exec_start} review --config /etc/fishd/config.toml " in review


def test_no_command_is_linked_for_an_installation_without_a_script(tmp_path: Path) -> None:
    """It runs as `python -m fishd`."""
    installed(system_service(machine(tmp_path, ("/usr/bin/python3", "-m", "fishd")), MANUAL))

    assert not (tmp_path / "usr/local/bin").exists()


def test_a_user_can_install_and_uninstall_a_service_without_root(tmp_path: Path) -> None:
    """Configuration and spool are in ~/fishd."""
    home = tmp_path / "home"
    service = user_service(machine(tmp_path / "none"), home, MANUAL)
    installed(service)
    assert (home / "fishd/spool/inbox").is_dir()
    assert (home / ".config/systemd/user/fishd.service").exists()

    uninstalled(service)
    assert {"fishd/config.toml"} == all_below(home)


def test_a_command_of_another_program_is_not_replaced(tmp_path: Path) -> None:
    """/usr/local/bin/fishd may belong to another program."""
    (tmp_path / "fishd").write_text("#!/bin/sh\n")
    steps: list[str] = []
    Installer(dry_run=False, report=steps.append).link(tmp_path / "fishd", Path("/opt/fishd/bin/fishd"))

    assert ["keep"] == first_words(steps)
    assert not (tmp_path / "fishd").is_symlink()


def test_a_command_that_fails_is_reported_with_its_output() -> None:
    """One that may fail is not, such as stopping a service that does not exist."""
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


def test_a_step_that_fails_is_reported_with_its_file() -> None:
    """The message explains how to continue."""
    expected = "/proc/none: No such file or directory; earlier steps are done, so run the command again"

    assert expected == refusal(Machine(("fishd",), 252, root=Path("/proc/none")))


def test_an_installation_that_is_not_possible_is_refused_with_the_fix() -> None:
    """It needs root and systemd, and must not be in a home folder."""
    command = ("fishd",)
    in_home = Machine(command, 252, path_in_home=Path("/home/ada/.venv"))

    assert "use sudo, or --user for" in refusal(Machine(command, 252, is_root=False))
    assert "systemd is not installed here; run `fishd run`" in refusal(Machine(command, 0), user=True)
    assert refusal(in_home).startswith("/home/ada/.venv: is in a home folder")
    assert "make install-service" in refusal(in_home)


def test_the_command_prints_its_steps(tmp_path: Path) -> None:
    """It runs as a process, with --dry-run."""
    ended = fishd("service", "install", "--user", "--dry-run", cwd=tmp_path, env={"HOME": str(tmp_path)})
    if "systemd is not installed" in ended.stderr:
        pytest.skip("systemd is not installed here")

    assert 0 == ended.returncode
    assert f"write      {tmp_path}/.config/systemd/user/fishd.service" in ended.stdout.splitlines()
    assert [] == list(tmp_path.iterdir())
