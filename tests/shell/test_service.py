"""`fishd service`: the steps, what they leave, and what is refused. The real thing is in tests/systemd."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import pytest
from typer.main import get_command

from fishd.cli.app import app
from fishd.cli.output import CommandError
from fishd.cli.service import commands as service
from fishd.cli.service import steps as service_steps
from fishd.cli.service.file_steps import Call, Folder, Link, Put, Remove, Step, StepFailed, perform
from fishd.cli.service.steps import Machine, install_for_all, install_for_one, remove_for_all, remove_for_one
from fishd.core.config.parse import parse_config
from tests.shell.cli import fishd


def machine(root: Path, **changed: object) -> Machine:
    (root / "etc/logrotate.d").mkdir(parents=True, exist_ok=True)
    plain = Machine(
        "/opt/fishd/bin/fishd", systemd_version=252, is_booted=False, manual="fishd(1)", root=root
    )
    return dataclasses.replace(plain, **changed)  # type: ignore[arg-type] -- a test's own names


def files(steps: Iterable[Step]) -> list[Step]:
    """Without the commands, which need a system."""
    return [step for step in steps if not isinstance(step, Call)]


def done(steps: Iterable[Step], *, dry_run: bool = False) -> list[str]:
    """The words of what was done, without the paths."""
    return [line.split("  ")[0].strip() for line in perform(files(steps), dry_run=dry_run)]


def all_below(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir() or path.is_symlink()}


def test_an_installation_puts_everything_in_place(tmp_path: Path) -> None:
    """Unit, user, folders, configuration, rotation, command, manual and completion."""
    assert set(done(install_for_all(machine(tmp_path), now=False))) == {"wrote", "linked"}
    assert all_below(tmp_path) == {
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
    }
    config = (tmp_path / "etc/fishd/config.toml").read_text()
    assert parse_config(config, "config.toml", {}).spool.root == Path("/var/lib/fishd/spool")


def test_a_second_installation_changes_nothing(tmp_path: Path) -> None:
    """And never the operator's configuration."""
    done(install_for_all(machine(tmp_path), now=False))
    (tmp_path / "etc/fishd/config.toml").write_text("# mine\n")
    before = {path: path.lstat().st_ino for path in tmp_path.rglob("*")}
    assert set(done(install_for_all(machine(tmp_path), now=False))) == {"as it is", "kept"}
    assert {path: path.lstat().st_ino for path in tmp_path.rglob("*")} == before
    assert (tmp_path / "etc/fishd/config.toml").read_text() == "# mine\n"


def test_an_upgrade_replaces_the_unit(tmp_path: Path) -> None:
    """A unit of an older version is ours to replace."""
    done(install_for_all(machine(tmp_path), now=False))
    (tmp_path / "etc/systemd/system/fishd.service").write_text("[Unit]\n")
    assert "replaced" in done(install_for_all(machine(tmp_path), now=False))


def test_a_dry_run_says_the_same_and_does_nothing(tmp_path: Path) -> None:
    """Nothing is made, not even a folder."""
    steps = list(install_for_all(machine(tmp_path), now=True))
    before = all_below(tmp_path)
    said = list(perform(steps, dry_run=True))
    assert all_below(tmp_path) == before
    assert f"wrote      {tmp_path}/etc/systemd/system/fishd.service" in said
    assert "ran        systemctl enable fishd.service" in said


def test_uninstalling_leaves_only_the_configuration(tmp_path: Path) -> None:
    """Even where the drop-in for a newer systemd was installed."""
    new = machine(tmp_path, systemd_version=257)
    done(install_for_all(new, now=False))
    assert "etc/systemd/system/fishd.service.d/notify-reload.conf" in all_below(tmp_path)
    done(remove_for_all(new))
    assert all_below(tmp_path) == {"etc/fishd/config.toml"}
    assert not (tmp_path / "etc/systemd/system/fishd.service.d").exists()


def test_an_operators_drop_in_survives_uninstalling(tmp_path: Path) -> None:
    """What we did not put there is not ours to remove."""
    done(install_for_all(machine(tmp_path), now=False))
    mine = tmp_path / "etc/systemd/system/fishd.service.d/mine.conf"
    mine.parent.mkdir()
    mine.write_text("[Service]\n")
    done(remove_for_all(machine(tmp_path)))
    assert mine.exists()


def test_the_unit_starts_this_installation(tmp_path: Path) -> None:
    """Whatever the interpreter: its path stands in ExecStart and ExecReload."""
    done(install_for_all(machine(tmp_path, program="/srv/fishd/bin/python -m fishd"), now=False))
    unit = (tmp_path / "etc/systemd/system/fishd.service").read_text().splitlines()
    assert "ExecStart=/srv/fishd/bin/python -m fishd run --config /etc/fishd/config.toml" in unit
    assert "ExecReload=/srv/fishd/bin/python -m fishd reload --config /etc/fishd/config.toml" in unit


def test_a_user_installs_without_root(tmp_path: Path) -> None:
    """A unit of his own, with configuration and spool in ~/fishd; and away again."""
    done(install_for_one(machine(tmp_path / "none"), tmp_path / "home", now=False))
    assert (tmp_path / "home/fishd/spool/inbox").is_dir()
    assert (tmp_path / "home/.config/systemd/user/fishd.service").exists()
    done(remove_for_one(machine(tmp_path / "none"), tmp_path / "home"))
    assert all_below(tmp_path / "home") == {"fishd/config.toml"}


def test_a_command_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    """A file /usr/local/bin/fishd that we did not make stays."""
    (tmp_path / "fishd").write_text("#!/bin/sh\n")
    (said,) = perform([Link(tmp_path / "fishd", Path("/opt/fishd/bin/fishd"))], dry_run=False)
    assert said.startswith("kept")
    assert not (tmp_path / "fishd").is_symlink()


def test_a_step_that_fails_is_named() -> None:
    """With what the command said."""
    with pytest.raises(StepFailed, match="false: ended with 1"):
        list(perform([Call(("false",))], dry_run=False))
    with pytest.raises(StepFailed, match=r"/proc/fishd: No such file or directory"):
        list(perform([Folder(Path("/proc/fishd"))], dry_run=False))


def test_a_step_that_may_fail_is_skipped(tmp_path: Path) -> None:
    """As the stop of a service that is not there."""
    steps = [Call(("false",), may_fail=True), Remove(tmp_path / "gone"), Put(tmp_path / "here", "x")]
    assert [line.split()[0] for line in perform(steps, dry_run=False)] == ["skipped", "not", "wrote"]


def test_without_root_the_system_is_refused_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is touched."""
    monkeypatch.setattr(
        service, "this_machine", lambda manual: Machine("fishd", 252, is_booted=True, manual=manual)
    )
    monkeypatch.setattr(service.os, "geteuid", lambda: 1000)
    with pytest.raises(CommandError, match="use sudo, or --user"):
        service.install(get_command(app), user=False, now=False, dry_run=False)


def test_an_installation_in_a_home_is_refused_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hardened unit hides homes: the daemon could not even start."""
    monkeypatch.setattr(
        service, "this_machine", lambda manual: Machine("fishd", 252, is_booted=True, manual=manual)
    )
    monkeypatch.setattr(service.os, "geteuid", lambda: 0)
    monkeypatch.setattr(service_steps.sys, "prefix", "/home/ada/.venv")
    with pytest.raises(CommandError, match=r"/home/ada/\.venv: is in a home folder.*make install-service"):
        service.install(get_command(app), user=False, now=False, dry_run=False)


def test_the_command_says_its_steps(tmp_path: Path) -> None:
    """As a process, dry."""
    said = fishd("service", "install", "--user", "--dry-run", cwd=tmp_path, env={"HOME": str(tmp_path)})
    if "systemd is not installed" in said.stderr:
        pytest.skip("systemd is not installed here")
    assert said.returncode == 0
    assert f"wrote      {tmp_path}/.config/systemd/user/fishd.service" in said.stdout.splitlines()
    assert list(tmp_path.iterdir()) == []
