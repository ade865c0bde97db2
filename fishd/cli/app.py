"""Every command with its arguments; what a command does stands in a module of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="fishd",
    help="Folders of lines in, folders of speech out: a daemon that speaks every line in its speaker's voice.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ConfigPath = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="The configuration; without it ./config.toml."),
]


@app.command()
def run(
    config: ConfigPath = None,
    once: Annotated[bool, typer.Option("--once", help="Work off what is in the inbox, then stop.")] = False,
) -> None:
    """Run the daemon in the foreground."""
    from fishd.cli.run import run_daemon

    raise typer.Exit(run_daemon(config, once=once))


def main() -> None:
    """The console script."""
    app()
