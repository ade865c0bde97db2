"""How help is laid out: commands in sections by purpose, arguments without Python's types."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand, TyperGroup

SECTIONS = {
    "Jobs": ("submit", "status", "logs", "cancel", "retry", "retake", "review", "listen"),
    "Daemon": ("run", "reload", "service"),
    "Set up": ("init", "check", "voices", "plan", "doctor", "calibrate"),
}
_TYPE = re.compile(r" <[^>]*>$")


class Command(TyperCommand):
    """A command whose help names its arguments as a user writes them."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        for title in ("Arguments", "Options"):
            if rows := help_rows(self, ctx, title):
                with formatter.section(title):
                    formatter.write_dl(rows)


class SectionedGroup(TyperGroup):
    """A group whose help lists its commands in SECTIONS; every command must be in one."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for title, names in SECTIONS.items():
            with formatter.section(title):
                commands = ((name, self.get_command(ctx, name)) for name in names)
                rows = [(name, command.get_short_help_str(70)) for name, command in commands if command]
                formatter.write_dl(rows, col_max=12)


def help_rows(command: Any, ctx: Any, title: str) -> list[tuple[str, str]]:
    """Names and texts of a command's "Arguments" or "Options"; the usage line shows what is required."""
    params = [param for param in command.get_params(ctx) if f"{param.param_type_name}s" == title.lower()]
    records = [record for param in params if (record := param.get_help_record(ctx))]
    return [(_TYPE.sub("", name), text.removesuffix("[required]").rstrip()) for name, text in records]
