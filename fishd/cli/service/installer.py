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
            self._step("unchanged", path)
        elif current is not None and keep:
            self._step("keep", f"{path} (yours)")
        else:
            verb = "write" if current is None else "replace"
            self._step(verb, path, lambda: _replace(path, lambda part: part.write_text(content, "utf-8")))

    def link(self, path: Path, target: Path) -> None:
        """Make a symbolic link, but never in place of a file."""
        if path.is_symlink() and path.readlink() == target:
            self._step("unchanged", path)
        elif os.path.lexists(path) and not path.is_symlink():
            self._step("keep", f"{path} (not fishd's)")
        else:
            link = f"{path} -> {target}"
            self._step("link", link, lambda: _replace(path, lambda part: part.symlink_to(target)))

    def create_folder(self, path: Path) -> None:
        if path.is_dir():
            self._step("unchanged", path)
        else:
            self._step("create", path, lambda: path.mkdir(parents=True))

    def remove(self, path: Path) -> None:
        """Remove a file or a link; a folder only if it is empty."""
        is_folder = path.is_dir() and not path.is_symlink()
        if not os.path.lexists(path):
            self._step("missing", path)
        elif is_folder and any(path.iterdir()) and not self._dry_run:
            self._step("keep", f"{path} (not empty)")
        else:
            self._step("remove", path, path.rmdir if is_folder else path.unlink)

    def run(self, *command: str, may_fail: bool = False) -> None:
        self._step("run", shlex.join(command), lambda: _run(command, may_fail=may_fail))

    def _step(self, verb: str, thing: object, action: Callable[[], object] | None = None) -> None:
        self._report(f"{verb:<10} {thing}")
        if action and not self._dry_run:
            action()


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
