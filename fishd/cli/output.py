"""What commands print and how they end: results on stdout, messages on stderr, the contract's exit codes.

Colour only on a terminal and without NO_COLOR; in a pipe, text is plain and not wrapped to a window.
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

EXIT_OK = 0
EXIT_FAILED = 1  # a job failed, was partial or rejected; a check found faults; no daemon is running
EXIT_USAGE = 2  # usage or configuration
EXIT_BUSY = 3  # another daemon owns the spool
EXIT_INTERRUPTED = 130  # as shells report SIGINT
PIPE_WIDTH = 80


class CommandError(Exception):
    """A command cannot do what it was asked to; the message names the thing, the fault and the fix."""

    def __init__(self, message: object, code: int = EXIT_USAGE) -> None:
        super().__init__(str(message))
        self.code = code


def exit_with(command: Callable[[], int]) -> NoReturn:
    """Run a command and exit with its code; a CommandError is printed."""
    try:
        code = command()
        sys.stdout.flush()
    except CommandError as error:
        print_error(error)
        code = error.code
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except BrokenPipeError:  # `fishd … | head` is no fault
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_OK
    raise typer.Exit(code)


def print_error(error: object) -> None:
    """Print an error on stderr; it may have several lines, one for each fault."""
    for line in str(error).splitlines():
        print_message(line)


def print_message(line: str) -> None:
    """Print one line on stderr, with control characters escaped; a terminal gets it wrapped at words."""
    from fishd.core.text.printable import to_printable

    message = f"fishd: {to_printable(line)}"
    if sys.stderr.isatty():
        columns = shutil.get_terminal_size().columns
        message = textwrap.fill(
            message, columns, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
    print(message, file=sys.stderr, flush=True)


def console(*, stderr: bool = False) -> Console:
    """A rich console on stdout or stderr."""
    from rich.console import Console

    out = Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not out.is_terminal:
        out.width = PIPE_WIDTH
    return out
