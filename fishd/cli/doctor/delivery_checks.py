"""What `fishd doctor` checks beside speaking: the voice library, encoders, and the hook."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from fishd.cli.findings import FAULT, OK, WARNING, Finding
from fishd.cli.output import CommandError
from fishd.cli.voices.library_check import check_library, open_library
from fishd.core.config.config import Config
from fishd.core.delivery.settings import NEED_AV
from fishd.core.text.humanize import count
from fishd.spool.bundle.layout import FORMATS_FIX

_MOST_FAULTS = 8
_IMPORT_LIMIT_S = 60.0


def check_delivery(config: Config, progress: Callable[[str], None]) -> Iterator[Finding]:
    """All findings. `progress` is called with a line before a check that takes long."""
    yield from _check_voices(config, progress)
    yield _check_formats(config)
    if config.hooks.published:
        yield _check_hook(config.hooks.published[0])


def _check_voices(config: Config, progress: Callable[[str], None]) -> Iterator[Finding]:
    progress("checking the voice library")
    try:
        library = open_library(config)
        rows = check_library(config)
    except CommandError as error:
        yield Finding(FAULT, str(error), "Voices")
        return
    faults = [fault for row in rows for fault in row.faults]
    for fault in faults[:_MOST_FAULTS]:
        yield Finding(FAULT, f"{library.root}/{fault}", "Voices", "see `fishd voices`")
    if len(faults) > _MOST_FAULTS:
        yield Finding(FAULT, f"… and {count(len(faults) - _MOST_FAULTS, 'more fault')}", "Voices")
    default = config.voices.default
    if default and library.find(default) is None:
        fix = f"`fishd voices add {shlex.quote(default)} CLIP`, or correct voices.default"
        yield Finding(FAULT, f'voices.default is "{default}"; {library.describe()}', "Voices", fix)
    elif not faults:
        there = f"{count(len(rows), 'voice')} in {library.root}"
        yield Finding(OK, there if rows else f"{library.root} has no voices (`fishd voices add`)", "Voices")


def _check_formats(config: Config) -> Finding:
    settings, extra = config.output.delivery, ", ".join(NEED_AV)
    formats = {"output.format": settings.format, "output.track_format": settings.track_format}
    needed = [f'{key} is "{name}"' for key, name in formats.items() if name in NEED_AV]
    version, trouble = _import_av()
    if version:
        return Finding(OK, f"wav, flac, ogg, {extra} (PyAV {version})", "Formats")
    if not needed:
        return Finding(OK, f"wav, flac, ogg; not {extra}, which need: {FORMATS_FIX}", "Formats")
    text = f"{' and '.join(needed)}, but PyAV cannot be imported ({trouble})"
    return Finding(FAULT, text, "Formats", FORMATS_FIX)


def _import_av() -> tuple[str, str]:
    """PyAV's version, or why there is none. A process of its own imports it: it may crash."""
    command = [sys.executable, "-c", "import av; print(av.__version__)"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_IMPORT_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return "", f"it takes more than {_IMPORT_LIMIT_S:g} s"
    if ended.returncode == 0:
        return ended.stdout.strip(), ""
    *_, last = ended.stderr.strip().splitlines() or [f"exit status {ended.returncode}"]
    return "", last


def _check_hook(program: str) -> Finding:
    """As the daemon would start it: a name without a slash is searched for in PATH."""
    found = shutil.which(program)
    if found and os.path.sep in program and not Path(program).is_absolute():
        text = f"{program} is relative to the folder in which the daemon is started"
        return Finding(WARNING, text, "Hook", f'write hooks.published = ["{Path(found).absolute()}", …]')
    if found:
        return Finding(OK, found, "Hook")
    if os.path.sep not in program:
        return Finding(FAULT, f"{program} is not in PATH", "Hook", "write its full path in hooks.published")
    if Path(program).is_file():
        return Finding(FAULT, f"{program} is not executable", "Hook", f"chmod +x {program}")
    state = "is not a file" if Path(program).exists() else "does not exist"
    return Finding(FAULT, f"{program} {state}", "Hook", "correct hooks.published")
