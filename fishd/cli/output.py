"""How commands talk: results to stdout, all else to stderr, and the contract's exit codes.

Colour only on a terminal, and not with NO_COLOR; what is piped is plain and never wrapped to a window.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console

WELL = 0
NOT_ALL_WELL = 1  # a job failed, was partial or rejected; a check found faults; no daemon where one is asked
USAGE = 2  # usage or configuration
BUSY = 3  # another daemon owns the spool
INTERRUPTED = 130  # as shells count SIGINT
WIDTH = 80  # of what is piped


class CommandError(Exception):
    """A command cannot do what it was asked to; the message names the thing, the fault and the mend."""

    def __init__(self, message: object, code: int = USAGE) -> None:
        super().__init__(str(message))
        self.code = code


def end_with(command: Callable[[], int]) -> NoReturn:
    """Run a command to its exit code; what it raises as CommandError is said."""
    try:
        code = command()
        sys.stdout.flush()
    except CommandError as error:
        complain(error)
        code = error.code
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:  # `fishd … | head`: nobody reads on, which is no fault
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = WELL
    raise typer.Exit(code)


def complain(error: object) -> None:
    """Say what is wrong, a line a fault."""
    for line in str(error).splitlines():
        say(line)


def say(line: str) -> None:
    """One line of talk, safe to show whatever names are in it; on a terminal it breaks between words."""
    from fishd.core.text.printable import to_printable

    said = f"fishd: {to_printable(line)}"
    if sys.stderr.isatty():
        columns = shutil.get_terminal_size().columns
        said = textwrap.fill(
            said, columns, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
    print(said, file=sys.stderr, flush=True)


def console(*, talk: bool = False) -> Console:
    """A console on stdout, or for talk on stderr."""
    from rich.console import Console

    out = Console(stderr=talk, highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not out.is_terminal:
        out.width = WIDTH
    return out
