"""Writes a voice into the library: under a hidden name, forced to the disk, then in one rename."""

from __future__ import annotations

import secrets
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from fishd.cli.drop import copy_file
from fishd.cli.output import EXIT_FAILED, CommandError
from fishd.spool.bundle.voice_library import VOICE
from fishd.spool.durable.disk import Disk
from fishd.spool.durable.syscalls import UNKNOWN_CALL, rename_exchange, rename_noreplace
from fishd.spool.errors import fix_for


@dataclass(frozen=True, slots=True)
class NewVoice:
    """`folder` is its name in the library; `ending` that of the clip's file, such as ".wav"."""

    folder: str
    clip: Path
    ending: str
    transcript: str
    language: str = ""
    aliases: tuple[str, ...] = ()


def write_voice(voice: NewVoice, root: Path, *, replace: bool) -> None:
    """Add the voice, or replace the one in its folder. Raises CommandError; then nothing has changed."""
    part = root / f".{secrets.token_hex(6)}.part"
    try:
        root.mkdir(parents=True, exist_ok=True)
        _write_folder(voice, part)
        if root.stat().st_mode & stat.S_ISGID:
            _share(part)
        (_replace if replace else rename_noreplace)(part, root / voice.folder)
        Disk().sync_folder(root)
    except FileExistsError as error:
        fault = f"{root / voice.folder}: exists already; choose another name, or move it away"
        raise CommandError(fault, EXIT_FAILED) from error
    except OSError as error:
        fault = f"{root / voice.folder}: cannot be written: {error.strerror}"
        fix = fix_for(error)
        raise CommandError(f"{fault}; {fix}" if fix else fault, EXIT_FAILED) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write_folder(voice: NewVoice, part: Path) -> None:
    disk = Disk()
    part.mkdir()
    copy_file(voice.clip, part / f"reference{voice.ending}")
    disk.write(part / "reference.txt", f"{voice.transcript}\n".encode())
    settings = {"language": voice.language, "aliases": list(voice.aliases)}
    if given := {key: value for key, value in settings.items() if value}:
        disk.write(part / VOICE, tomli_w.dumps(given).encode())
    disk.sync_folder(part)


def _share(folder: Path) -> None:
    """Let the group read it, whatever the umask: it is the daemon's group."""
    for path in folder.iterdir():
        path.chmod(stat.S_IMODE(path.stat().st_mode) | 0o040)
    folder.chmod(stat.S_IMODE(folder.stat().st_mode) | 0o050)


def _replace(part: Path, target: Path) -> None:
    """Exchange the two, so that there is a voice at every moment; two renames where that is impossible."""
    try:
        rename_exchange(part, target)
    except OSError as error:
        if error.errno not in UNKNOWN_CALL:
            raise
        aside = part.with_suffix(".old.part")
        target.rename(aside)
        try:
            part.rename(target)
        except OSError:
            with suppress(OSError):
                aside.rename(target)
            raise
        shutil.rmtree(aside, ignore_errors=True)
