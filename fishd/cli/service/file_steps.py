"""Putting files in their places and calling what must know of them: steps that say what they do.

A step is decided first, as data, and done after. Each may be done again: what is already as it should be
stays untouched and is said to.
"""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LIMIT_S = 300.0


class StepFailed(Exception):  # noqa: N818 -- what happened, as SpoolBusy is
    """The machine refuses a step; the message names it."""


@dataclass(frozen=True, slots=True)
class Put:
    """A file with this content. With `once`, one that is there already is the operator's."""

    path: Path
    content: str
    once: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link to `target`; never in the place of anything else."""

    path: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder, and those above it."""

    path: Path


@dataclass(frozen=True, slots=True)
class Remove:
    """No such file or link any more; a folder goes if it is empty."""

    path: Path


@dataclass(frozen=True, slots=True)
class Call:
    """A command. With `may_fail`, the rest goes on without it."""

    command: tuple[str, ...]
    may_fail: bool = False


Step = Put | Link | Folder | Remove | Call


def perform(steps: Sequence[Step], *, dry_run: bool) -> Iterator[str]:
    """Do the steps one by one; what became of each, in words. Raises StepFailed."""
    for step in steps:
        try:
            match step:
                case Put():
                    yield _put(step, dry_run)
                case Link():
                    yield _link(step, dry_run)
                case Folder():
                    yield _folder(step, dry_run)
                case Remove():
                    yield _remove(step, dry_run)
                case Call():
                    yield _call(step, dry_run)
        except OSError as error:
            where = error.filename or step
            raise StepFailed(f"{where}: {error.strerror}") from error


def _put(step: Put, dry_run: bool) -> str:
    there = _text(step.path)
    if there == step.content:
        return f"as it is   {step.path}"
    if there is not None and step.once:
        return f"kept       {step.path} (yours)"
    if not dry_run:
        _replace(step.path, lambda part: part.write_text(step.content, encoding="utf-8"))
    return f"{'wrote' if there is None else 'replaced':<10} {step.path}"


def _link(step: Link, dry_run: bool) -> str:
    if step.path.is_symlink() and step.path.readlink() == step.target:
        return f"as it is   {step.path}"
    if os.path.lexists(step.path) and not step.path.is_symlink():
        return f"kept       {step.path} (a file of somebody else's)"
    if not dry_run:
        _replace(step.path, lambda part: part.symlink_to(step.target))
    return f"linked     {step.path} -> {step.target}"


def _folder(step: Folder, dry_run: bool) -> str:
    if step.path.is_dir():
        return f"as it is   {step.path}"
    if not dry_run:
        step.path.mkdir(parents=True)
    return f"made       {step.path}"


def _remove(step: Remove, dry_run: bool) -> str:
    if not os.path.lexists(step.path):
        return f"not there  {step.path}"
    if step.path.is_dir() and not step.path.is_symlink():
        if any(step.path.iterdir()) and not dry_run:
            return f"kept       {step.path} (not empty)"
        if not dry_run:
            step.path.rmdir()
    elif not dry_run:
        step.path.unlink()
    return f"removed    {step.path}"


def _call(step: Call, dry_run: bool) -> str:
    said = shlex.join(step.command)
    if dry_run:
        return f"ran        {said}"
    ended = subprocess.run(
        step.command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=LIMIT_S,
        check=False,
    )
    if ended.returncode and not step.may_fail:
        raise StepFailed(f"{said}: ended with {ended.returncode}: {ended.stdout.strip()}")
    return f"{'skipped' if ended.returncode else 'ran':<10} {said}"


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError, NotADirectoryError):
        return None


def _replace(path: Path, make: Callable[[Path], object]) -> None:
    """Whole or not at all; readable by all, as what stands in /etc is."""
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
