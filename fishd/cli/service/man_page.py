"""The manual, fishd(1), made from the commands' own help; and their completion for the shells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from typer.completion import get_completion_script  # pyright: ignore[reportPrivateImportUsage] - typer has no public name for it

from fishd import __version__
from fishd.cli.help_layout import SECTIONS

_AFTER = r"""
.SH CONFIGURATION
.I config.toml
is TOML; every key is optional.
.B fishd init
writes one with every key explained, and
.B fishd check \-\-config FILE
says all that is wrong with one.
A key is also set by a variable,
.BR FISHD_ SECTION _ KEY ,
which wins over the file.
.SH SIGNALS
.TP
.BR SIGTERM , " SIGINT"
Take no new work, finish the takes in hand within
.IR pool.drain_s ,
stop. What is unfinished is resumed at the next start. A second one: stop now.
.TP
.B SIGHUP
Reload the configuration. A bad one changes nothing.
.SH EXIT STATUS
.TP
.B 0
Well.
.TP
.B 1
A job failed, was partial or rejected
.RB ( "run \-\-once" ", " "submit \-\-wait" ),
faults were found
.RB ( check ", " doctor ),
or no daemon answers
.RB ( status ", " reload ).
.TP
.B 2
Usage or configuration.
.TP
.B 3
Another daemon owns the spool.
.SH ENVIRONMENT
.TP
.BR FISH_MULTIPROCESS_MODE ", " FISH_MODEL_MEMORY_GB
Override
.I pool.multiprocess
and
.IR pool.model_memory_gb .
.TP
.BI FISHD_ SECTION _ KEY
Overrides that key of the configuration.
.TP
.B NO_COLOR
No colour, also on a terminal.
.TP
.BR NOTIFY_SOCKET ", " WATCHDOG_USEC ", " JOURNAL_STREAM
Set by
.BR systemd (1):
readiness, status and watchdog go to the first, log lines with priorities to the last.
.SH FILES
.TP
.I /etc/fishd/config.toml
The configuration of the system's service.
.TP
.I /var/lib/fishd/spool
Its spool: drop bundles in
.IR inbox/ ,
find results in
.IR outbox/ .
.TP
.I ~/fishd
Both, of a user's own service.
.TP
.I status.json
In the spool: the daemon's state, for programs.
.SH EXAMPLES
.TP
Speak one bundle, and wait for it:
.B fishd submit \-\-wait episode
.TP
A service, now and at every boot:
.B sudo fishd service install \-\-now
.TP
Watch it:
.B journalctl \-\-unit fishd \-\-follow
.SH SEE ALSO
.BR systemctl (1),
.BR journalctl (1),
.BR systemd.service (5)
"""


def man_page(command: Any) -> str:
    """In man(7)'s markup; `command` is click's root command, fishd itself."""
    with command.make_context("fishd", [], resilient_parsing=True) as ctx:
        return "\n".join(_page(command, ctx)) + _AFTER


def completion(shell: str) -> str:
    """The script that completes fishd's commands and options in "bash", "zsh" or "fish"."""
    script = get_completion_script(prog_name="fishd", complete_var="_FISHD_COMPLETE", shell=shell)
    return script.strip() + "\n"


def _page(command: Any, ctx: Any) -> Iterator[str]:
    yield f'.TH FISHD 1 "" "fishd {__version__}" "User Commands"'
    yield ".SH NAME"
    yield "fishd \\- " + _roff(command.help[0].lower() + command.help[1:].rstrip("."))
    yield ".SH SYNOPSIS"
    for names in SECTIONS.values():
        for _, leaf, its in (found for name in names for found in _leaves(command, ctx, name)):
            yield f".B {_roff(its.command_path)}"
            yield _roff(" ".join(leaf.collect_usage_pieces(its))) + "\n.br"
    yield ".SH DESCRIPTION"
    yield (
        "A folder dropped in the inbox, with lines and a reference clip of each speaker's voice, becomes a\n"
        "folder of clips in the outbox. The folder a job stands in is its state:\n"
        ".IR inbox/ ,\n.IR work/ ,\n.IR outbox/ ;\nthe original bundle is kept in\n.IR archive/ ."
    )
    for title, names in SECTIONS.items():
        yield f".SH {title.upper()}"
        for _, leaf, its in (found for name in names for found in _leaves(command, ctx, name)):
            yield from _described(leaf, its)


def _leaves(group: Any, ctx: Any, name: str) -> Iterator[tuple[str, Any, Any]]:
    """The command of that name, or those below it, each with a context of its own."""
    command = group.get_command(ctx, name)
    if command is None:
        return
    with command.make_context(name, [], parent=ctx, resilient_parsing=True) as its:
        if not hasattr(command, "list_commands"):
            yield name, command, its
            return
        for below in command.list_commands(its):
            yield from _leaves(command, its, below)


def _described(command: Any, ctx: Any) -> Iterator[str]:
    usage = " ".join(command.collect_usage_pieces(ctx))
    yield f'.SS "{_roff(ctx.command_path)} {_roff(usage)}"'
    yield _roff(re.sub(r"\n\n+", "\n.PP\n", re.sub(r"(?<!\n)\n(?!\n)", " ", command.help.strip())))
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx)
        if record and "--help" not in record[0]:
            name, said = record
            yield f".TP\n.B {_roff(re.sub(r' <[^>]*>$', '', name))}"
            yield _roff(said.removesuffix("[required]").rstrip())


def _roff(text: str) -> str:
    """Escape what troff would obey; `code` becomes bold."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", text)
    return re.sub(r"(?m)^(['.])(?!PP$)", r"\\&\1", text)
