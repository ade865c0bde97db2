"""How help is laid out: commands in sections by what one wants to do, arguments without Python's types."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand, TyperGroup

SECTIONS = {
    "Speak": ("submit", "status", "logs", "cancel", "retry"),
    "Serve": ("run", "reload", "service"),
    "Set up": ("init", "check", "plan", "doctor", "calibrate"),
}
_TYPE = re.compile(r" <[^>]*>$")


class Command(TyperCommand):
    """A command whose help names its arguments as people do."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        for title, kind in (("Arguments", "argument"), ("Options", "option")):
            params = [param for param in self.get_params(ctx) if param.param_type_name == kind]
            records = [record for param in params if (record := param.get_help_record(ctx))]
            if records:
                with formatter.section(title):
                    formatter.write_dl([(_TYPE.sub("", name), _plain(said)) for name, said in records])


class Sections(TyperGroup):
    """A group whose help lists its commands in sections; what is in none comes last."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        names = self.list_commands(ctx)
        others = tuple(name for name in names if not any(name in section for section in SECTIONS.values()))
        for title, section in {**SECTIONS, "Other": others}.items():
            rows = [(name, self._about(ctx, name)) for name in section if name in names]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows, col_max=12)

    def _about(self, ctx: Any, name: str) -> str:
        command = self.get_command(ctx, name)
        return command.get_short_help_str(70) if command else ""


def _plain(said: str) -> str:
    """The usage line says already what is required."""
    return said.removesuffix("[required]").rstrip()
