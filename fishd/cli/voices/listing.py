"""`fishd voices`: list the voice library, with what is wrong with each voice."""

from __future__ import annotations

from pathlib import Path

from rich.segment import Segments
from rich.text import Text

from fishd.cli.locate import read_config
from fishd.cli.output import EXIT_FAILED, EXIT_OK, console, print_message
from fishd.cli.voices.library_check import check_library, open_library
from fishd.core.text.humanize import count
from fishd.core.text.printable import to_printable
from fishd.view.voices import voice_rows

HOW_TO_ADD = "add one from a clip of 10 to 30 s: `fishd voices add NAME CLIP --transcript TEXT`"


def list_voices(path: Path | None) -> int:
    """Print a row for each voice; EXIT_FAILED if one of them is faulty."""
    config = read_config(path)
    root = open_library(config).root
    assert root is not None
    rows = check_library(config)
    if not rows:
        state = "has no voices yet" if root.is_dir() else "does not exist yet"
        print_message(f"the voice library, {root}, {state}")
        print_message(HOW_TO_ADD)
        return EXIT_OK
    num_faulty = sum(bool(row.faults) for row in rows)
    tally = f", {num_faulty:,} with faults" if num_faulty else ""
    out = console()
    out.print(Text(f"{count(len(rows), 'voice')} in {to_printable(str(root))}{tally}\n"), soft_wrap=True)
    out.print(Segments(voice_rows(rows, out)), end="", crop=False)
    return EXIT_FAILED if num_faulty else EXIT_OK
