"""The facts of this machine and this installation that an installed service depends on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import fishd

HOMES = ("/home", "/root", "/run/user")  # the hardened unit hides them from the daemon


@dataclass(frozen=True, slots=True)
class Machine:
    """`command` starts this fishd; `path_in_home` is a part of the installation that is below a home."""

    command: tuple[str, ...]
    systemd_version: int  # 0 without systemd
    is_booted: bool = False  # does systemd run here?
    is_root: bool = True
    path_in_home: Path | None = None
    root: Path = Path("/")

    def refusal(self, *, needs_root: bool) -> str:
        """Why the service cannot be changed here, and what to do instead; empty if it can."""
        if not self.systemd_version:
            return "systemd is not installed here; run `fishd run` under your own supervisor"
        if needs_root and not self.is_root:
            return "the system service needs root: use sudo, or --user for a service of your own"
        return ""

    @property
    def exec_start(self) -> str:
        """The command as a unit's ExecStart= writes it."""
        words = (word.replace("%", "%%") for word in self.command)
        return " ".join(f'"{word}"' if " " in word else word for word in words)


def this_machine() -> Machine:
    script = Path(sys.prefix, "bin/fishd")
    parts = (Path(sys.prefix), Path(sys.base_prefix), Path(fishd.__file__))
    return Machine(
        command=(str(script),) if script.is_file() else (sys.executable, "-m", "fishd"),
        systemd_version=_systemd_version(),
        is_booted=Path("/run/systemd/system").is_dir(),
        is_root=os.geteuid() == 0,
        path_in_home=next((part for part in parts if _is_in_home(part)), None),
    )


def shipped(name: str) -> str:
    """A file that comes with fishd: in the installation's share/, or in the clone that it runs from."""
    clone = Path(fishd.__file__).resolve().parents[1]
    for folder in (Path(sysconfig.get_path("data")) / "share/fishd/systemd", clone / "systemd"):
        if (folder / name).is_file():
            return (folder / name).read_text(encoding="utf-8")
    raise FileNotFoundError(2, "is missing from this installation; install fishd again", name)


def _is_in_home(path: Path) -> bool:
    return any(path.resolve().is_relative_to(home) for home in HOMES)


def _systemd_version() -> int:
    try:
        version = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.match(r"systemd (\d+)", version.stdout)
    return int(found[1]) if found else 0
