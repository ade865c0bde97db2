"""The list of commands in `fishd --help`, by what one wants to do."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

SECTIONS = {
    "Speak": ("submit", "status", "logs", "cancel", "retry"),
    "Serve": ("run", "reload"),
    "Set up": ("init", "check", "plan", "doctor", "calibrate"),
}


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
