"""What a service of fishd consists of, as steps: for the whole machine, or for one user."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import fishd
from fishd.cli.service.file_steps import Call, Folder, Link, Put, Remove, Step
from fishd.cli.service.man_page import completion
from fishd.host.config_file import commented_defaults
from fishd.spool.root import FOLDERS

PROGRAM = "/opt/fishd/bin/fishd"  # in the units as they are shipped
NOTIFY_RELOAD_SINCE = 253
SPOOL = Path("/var/lib/fishd/spool")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the steps go, and what is there."""

    program: str  # the command that starts this fishd
    systemd_version: int
    is_booted: bool  # does systemd run here?
    manual: str  # fishd(1)
    root: Path = Path("/")


def this_machine(manual: str) -> Machine:
    return Machine(_program(), _systemd_version(), Path("/run/systemd/system").is_dir(), manual)


def install_for_all(machine: Machine, *, now: bool) -> Iterator[Step]:
    """Unit, user, folders, configuration, manual and completion."""
    etc, local = machine.root / "etc", machine.root / "usr/local"
    unit = etc / "systemd/system/fishd.service"
    yield Put(etc / "sysusers.d/fishd.conf", shipped("fishd.sysusers.conf"))
    yield Call(("systemd-sysusers", str(etc / "sysusers.d/fishd.conf")))
    yield Put(etc / "tmpfiles.d/fishd.conf", shipped("fishd.tmpfiles.conf"))
    yield Call(("systemd-tmpfiles", "--create", str(etc / "tmpfiles.d/fishd.conf")))
    yield Put(etc / "fishd/config.toml", _config(SPOOL), once=True)
    yield from _unit(machine, unit, shipped("fishd.service"))
    if (etc / "logrotate.d").is_dir():
        yield Put(etc / "logrotate.d/fishd", shipped("fishd.logrotate"))
    yield Link(local / "bin/fishd", Path(machine.program.split()[0]))
    yield from _documentation(local / "share", machine.manual)
    yield from _systemctl(machine, "systemctl", now=now)


def remove_for_all(machine: Machine) -> Iterator[Step]:
    """All of it but the configuration, the spool and the user."""
    etc, local = machine.root / "etc", machine.root / "usr/local"
    yield Call(("systemctl", "disable", "--now", "fishd.service"), may_fail=True)
    yield from _remove_unit(etc / "systemd/system/fishd.service")
    for path in (
        etc / "sysusers.d/fishd.conf",
        etc / "tmpfiles.d/fishd.conf",
        etc / "logrotate.d/fishd",
        local / "bin/fishd",
        *(step.path for step in _documentation(local / "share", machine.manual)),
    ):
        yield Remove(path)
    if machine.is_booted:
        yield Call(("systemctl", "daemon-reload"))


def install_for_one(machine: Machine, home: Path, *, now: bool) -> Iterator[Step]:
    """A user's unit, with configuration and spool in ~/fishd."""
    yield Put(home / "fishd/config.toml", _config(Path("spool")), once=True)
    for name in FOLDERS:
        yield Folder(home / "fishd/spool" / name)
    yield from _unit(machine, home / ".config/systemd/user/fishd.service", shipped("user/fishd.service"))
    yield from _documentation(home / ".local/share", machine.manual)
    yield from _systemctl(machine, "systemctl", "--user", now=now)


def remove_for_one(machine: Machine, home: Path) -> Iterator[Step]:
    yield Call(("systemctl", "--user", "disable", "--now", "fishd.service"), may_fail=True)
    yield from _remove_unit(home / ".config/systemd/user/fishd.service")
    for step in _documentation(home / ".local/share", machine.manual):
        yield Remove(step.path)
    if machine.is_booted:
        yield Call(("systemctl", "--user", "daemon-reload"))


def hidden_in_a_home() -> Path | None:
    """What of this installation lies in a home, which the hardened unit does not let the daemon see."""
    for path in (Path(sys.prefix), Path(sys.base_prefix), Path(fishd.__file__)):
        whole = path.resolve()
        if any(whole.is_relative_to(home) for home in ("/home", "/root", "/run/user")):
            return path
    return None


def shipped(name: str) -> str:
    """A file that comes with fishd: from the installation's share/, or from the clone it runs from."""
    for folder in (Path(sysconfig.get_path("data")) / "share/fishd/systemd", _clone() / "systemd"):
        if (folder / name).is_file():
            return (folder / name).read_text(encoding="utf-8")
    raise FileNotFoundError(2, "does not come with this installation; install fishd again", name)


def _clone() -> Path:
    return Path(fishd.__file__).resolve().parents[1]


def _unit(machine: Machine, path: Path, content: str) -> Iterator[Step]:
    yield Put(path, content.replace(PROGRAM, machine.program))
    if machine.systemd_version >= NOTIFY_RELOAD_SINCE:
        yield Put(_drop_in(path), shipped("drop-ins/notify-reload.conf"))


def _documentation(share: Path, manual: str) -> Iterator[Put]:
    """Manual and completion, where man and the shells look for them."""
    yield Put(share / "man/man1/fishd.1", manual)
    yield Put(share / "bash-completion/completions/fishd", completion("bash"))
    yield Put(share / "zsh/site-functions/_fishd", completion("zsh"))
    yield Put(share / "fish/vendor_completions.d/fishd.fish", completion("fish"))


def _remove_unit(path: Path) -> Iterator[Step]:
    yield Remove(path)
    yield Remove(_drop_in(path))
    yield Remove(_drop_in(path).parent)


def _drop_in(unit: Path) -> Path:
    return unit.with_name("fishd.service.d") / "notify-reload.conf"


def _systemctl(machine: Machine, *systemctl: str, now: bool) -> Iterator[Step]:
    if machine.is_booted:
        yield Call((*systemctl, "daemon-reload"))
    yield Call((*systemctl, "enable", *(("--now",) if now and machine.is_booted else ()), "fishd.service"))


def _config(spool: Path) -> str:
    said = f'root = "{spool}"'
    text, times = re.subn(r'(?m)^root = ".*"$', said, commented_defaults())
    assert times == 1, "the explained configuration has one spool.root"
    return text


def _program() -> str:
    """The script beside this interpreter; without one, the interpreter with -m."""
    script = Path(sys.prefix, "bin/fishd")
    words = [str(script)] if script.is_file() else [sys.executable, "-m", "fishd"]
    return " ".join(word.replace("%", "%%") for word in words)


def _systemd_version() -> int:
    """0 where there is none."""
    try:
        said = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.match(r"systemd (\d+)", said)
    return int(found[1]) if found else 0
