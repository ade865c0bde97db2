"""The steps of an installation: write a file, link, create, remove, run a command. Each reports what it does.

A step may be repeated: what is already in place is left as it is.
"""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fishd.cli.output import EXIT_FAILED, CommandError

LIMIT_S = 300.0


class Installer:
    """With `dry_run`, steps are reported and not done. Steps raise OSError and CommandError."""

    def __init__(self, *, dry_run: bool, report: Callable[[str], object] = print) -> None:
        self._dry_run = dry_run
        self._report = report

    def write(self, path: Path, content: str, *, keep: bool = False) -> None:
        """Write a file; with `keep`, one that exists belongs to the operator and stays."""
        current = _read(path)
        if current == content:
            self._did("unchanged", path)
        elif current is not None and keep:
            self._did("keep", f"{path} (yours)")
        else:
            self._did("write" if current is None else "replace", path)
            self._do(lambda: _replace(path, lambda part: part.write_text(content, encoding="utf-8")))

    def link(self, path: Path, target: Path) -> None:
        """Make a symbolic link, but never in place of a file."""
        if path.is_symlink() and path.readlink() == target:
            self._did("unchanged", path)
        elif os.path.lexists(path) and not path.is_symlink():
            self._did("keep", f"{path} (not fishd's)")
        else:
            self._did("link", f"{path} -> {target}")
            self._do(lambda: _replace(path, lambda part: part.symlink_to(target)))

    def create_folder(self, path: Path) -> None:
        if path.is_dir():
            self._did("unchanged", path)
        else:
            self._did("create", path)
            self._do(lambda: path.mkdir(parents=True))

    def remove(self, path: Path) -> None:
        """Remove a file or a link; a folder only if nothing is in it."""
        is_folder = path.is_dir() and not path.is_symlink()
        if not os.path.lexists(path):
            self._did("missing", path)
        elif is_folder and any(path.iterdir()) and not self._dry_run:
            self._did("keep", f"{path} (not empty)")
        else:
            self._did("remove", path)
            self._do(path.rmdir if is_folder else path.unlink)

    def run(self, *command: str, may_fail: bool = False) -> None:
        self._did("run", shlex.join(command))
        self._do(lambda: _run(command, may_fail=may_fail))

    def _did(self, what: str, thing: object) -> None:
        self._report(f"{what:<10} {thing}")

    def _do(self, step: Callable[[], object]) -> None:
        if not self._dry_run:
            step()


def _run(command: tuple[str, ...], *, may_fail: bool) -> None:
    """Raise CommandError, with the command's own output, when it fails."""
    called = shlex.join(command)
    try:
        ended = subprocess.run(
            command, check=False, capture_output=True, text=True, errors="replace", timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{called}: did not finish within {LIMIT_S:.0f} s", EXIT_FAILED) from error
    if ended.returncode and not may_fail:
        output = " ".join((ended.stdout + ended.stderr).split())
        raise CommandError(f"{called}: exit status {ended.returncode}: {output}", EXIT_FAILED)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError, NotADirectoryError):
        return None


def _replace(path: Path, make: Callable[[Path], object]) -> None:
    """Whole or not at all; readable by all, as files in /etc are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        make(part)
        if not part.is_symlink():
            part.chmod(0o644)
        part.replace(path)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
