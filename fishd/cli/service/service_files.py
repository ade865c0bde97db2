"""What an installed service consists of, for the whole machine or for one user."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fishd.cli.service.installer import Installer
from fishd.cli.service.machine import Machine, shipped
from fishd.cli.service.man_page import completion
from fishd.host.config_file import commented_defaults
from fishd.spool.root import FOLDERS

PROGRAM = "/opt/fishd/bin/fishd"  # in the units as they are shipped
NOTIFY_RELOAD_SINCE = 253  # the systemd version
SPOOL = "/var/lib/fishd/spool"
REVIEW = "fishd-review.service"


@dataclass(frozen=True, slots=True)
class Service:
    """`files` and `links` are fishd's own; configuration and folders are the operator's once they exist.

    `optional_units` are installed and not enabled: they are the operator's to start.
    """

    systemctl: tuple[str, ...]
    unit: Path
    config: Path
    spool: str  # spool.root of a new configuration
    files: Mapping[Path, str]
    kept: str
    next_steps: tuple[str, ...]
    links: Mapping[Path, Path] = field(default_factory=dict[Path, Path])
    folders: tuple[Path, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    optional_units: tuple[str, ...] = ()

    def install(self, installer: Installer, *, now: bool, is_booted: bool) -> None:
        installer.write(self.config, _configuration(self.spool), keep=True)
        for folder in self.folders:
            installer.create_folder(folder)
        for path, content in self.files.items():
            installer.write(path, content)
        for path, target in self.links.items():
            installer.link(path, target)
        for command in self.commands:
            installer.run(*command)
        if is_booted:
            installer.run(*self.systemctl, "daemon-reload")
        installer.run(*self.systemctl, "enable", *(["--now"] if now and is_booted else []), "fishd.service")

    def uninstall(self, installer: Installer, *, is_booted: bool) -> None:
        for unit in ("fishd.service", *self.optional_units):
            installer.run(*self.systemctl, "disable", "--now", unit, may_fail=True)
        for path in (*self.files, *self.links, _drop_ins(self.unit)):
            installer.remove(path)
        if is_booted:
            installer.run(*self.systemctl, "daemon-reload")


def system_service(machine: Machine, manual: str) -> Service:
    """Unit, user, spool, configuration, log rotation, command, manual and shell completion."""
    etc, local = machine.root / "etc", machine.root / "usr/local"
    unit = etc / "systemd/system/fishd.service"
    users, folders = etc / "sysusers.d/fishd.conf", etc / "tmpfiles.d/fishd.conf"
    name = os.environ.get("SUDO_USER", "NAME")
    return Service(
        systemctl=("systemctl",),
        unit=unit,
        config=etc / "fishd/config.toml",
        spool=SPOOL,
        files={
            users: shipped("fishd.sysusers.conf"),
            folders: shipped("fishd.tmpfiles.conf"),
            **_unit_files(unit, shipped("fishd.service"), machine),
            unit.with_name(REVIEW): _with_program(shipped(REVIEW), machine),
            etc / "logrotate.d/fishd": shipped("fishd.logrotate"),
            **_documentation(local / "share", manual),
        },
        links={local / "bin/fishd": Path(machine.command[0])} if len(machine.command) == 1 else {},
        commands=(("systemd-sysusers", str(users)), ("systemd-tmpfiles", "--create", str(folders))),
        optional_units=(REVIEW,),
        kept="/etc/fishd (configuration), /var/lib/fishd (spool and voices), user and group fishd",
        next_steps=(
            f"let a user submit bundles: usermod --append --groups fishd {name} (then log in again)",
            "submit a bundle: fishd submit --wait BUNDLE",
            "serve the review page: systemctl enable --now fishd-review; cat /run/fishd-review/url",
        ),
    )


def user_service(machine: Machine, home: Path, manual: str) -> Service:
    """A unit of the user's own, with configuration and spool in ~/fishd."""
    unit = home / ".config/systemd/user/fishd.service"
    return Service(
        systemctl=("systemctl", "--user"),
        unit=unit,
        config=home / "fishd/config.toml",
        spool="spool",
        files={
            **_unit_files(unit, shipped("user/fishd.service"), machine),
            **_documentation(home / ".local/share", manual),
        },
        folders=tuple(home / "fishd/spool" / name for name in FOLDERS),
        kept="~/fishd (configuration and spool)",
        next_steps=(
            "keep it running while you are logged out: loginctl enable-linger",
            "submit a bundle: fishd submit --wait --config ~/fishd/config.toml BUNDLE",
        ),
    )


def _unit_files(unit: Path, content: str, machine: Machine) -> dict[Path, str]:
    files = {unit: _with_program(content, machine)}
    if machine.systemd_version >= NOTIFY_RELOAD_SINCE:
        files[_drop_ins(unit) / "notify-reload.conf"] = shipped("drop-ins/notify-reload.conf")
    return files


def _with_program(unit: str, machine: Machine) -> str:
    return unit.replace(PROGRAM, machine.exec_start)


def _drop_ins(unit: Path) -> Path:
    return unit.with_name("fishd.service.d")


def _documentation(share: Path, manual: str) -> dict[Path, str]:
    """Manual and completion, where man and the shells find them."""
    return {
        share / "man/man1/fishd.1": manual,
        share / "bash-completion/completions/fishd": completion("bash"),
        share / "zsh/site-functions/_fishd": completion("zsh"),
        share / "fish/vendor_completions.d/fishd.fish": completion("fish"),
    }


def _configuration(spool: str) -> str:
    """The commented defaults with this spool, and the voice library beside it."""
    text = commented_defaults()
    for folder, place in (("spool", spool), ("voices", str(Path(spool).with_name("voices")))):
        before = f'\nroot = "{folder}"\n'
        assert text.count(before) == 1, f"the default configuration has one {folder}.root"
        text = text.replace(before, f'\nroot = "{place}"\n')
    return text
