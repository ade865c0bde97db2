"""The manual, fishd(1), and shell completion, both made from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from typer.completion import get_completion_script  # pyright: ignore[reportPrivateImportUsage] - typer has no public name for it

from fishd import __version__
from fishd.cli.help_layout import SECTIONS, help_rows
from fishd.cli.service.machine import shipped


def man_page(root: Any) -> str:
    """The shipped page, in man(7) markup, with the help of every command below click's root command."""
    with root.make_context("fishd", [], resilient_parsing=True) as ctx:
        commands = "\n".join(_sections(root, ctx))
    return shipped("fishd.1.in").replace("@VERSION@", __version__).replace("@COMMANDS@", commands)


def completion(shell: str) -> str:
    """The script that completes fishd's commands and options in "bash", "zsh" or "fish"."""
    script = get_completion_script(prog_name="fishd", complete_var="_FISHD_COMPLETE", shell=shell)
    return script.strip() + "\n"


def _sections(root: Any, ctx: Any) -> Iterator[str]:
    for title, names in SECTIONS.items():
        yield f".SH {title.upper()}"
        for name in names:
            yield from _describe(root.get_command(ctx, name), ctx)


def _describe(command: Any, parent: Any) -> Iterator[str]:
    """A command's usage, text, arguments and options; of a group, those of its commands too."""
    with command.make_context(command.name, [], parent=parent, resilient_parsing=True) as ctx:
        is_group = hasattr(command, "list_commands")
        if not is_group or command.invoke_without_command:
            yield from _describe_one(command, ctx)
        for name in command.list_commands(ctx) if is_group else ():
            yield from _describe(command.get_command(ctx, name), ctx)


def _describe_one(command: Any, ctx: Any) -> Iterator[str]:
    yield f'.SS "{_roff(" ".join([ctx.command_path, *command.collect_usage_pieces(ctx)]))}"'
    yield "\n.PP\n".join(_roff(" ".join(part.split())) for part in command.help.split("\n\n"))
    for name, text in (*help_rows(command, ctx, "Arguments"), *help_rows(command, ctx, "Options")):
        if "--help" not in name:
            yield f".TP\n.B {_roff(name)}\n{_roff(text)}"


def _roff(text: str) -> str:
    """One line without troff's own markup; `code` becomes bold."""
    text = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", text.replace("\\", "\\e").replace("-", "\\-"))
    return re.sub(r"^(['.])", r"\\&\1", text)
