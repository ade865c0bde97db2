"""The commands of `fishd service`, with their arguments."""

from __future__ import annotations

from typing import Annotated

import typer

from fishd.cli.help_layout import Command
from fishd.cli.output import end_with

service = typer.Typer(
    help="Run fishd under systemd: install and uninstall.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ForOne = Annotated[bool, typer.Option("--user", help="For yourself, without root, in ~/fishd.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Say the steps, and do none.")]


@service.command(cls=Command)
def install(
    ctx: typer.Context,
    user: ForOne = False,
    now: Annotated[bool, typer.Option("--now", help="Start it as well.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Put unit, user, folders, configuration and manual in place.

    May be run again, as after an upgrade: what is as it should be stays, and your configuration always does.
    """
    from fishd.cli.service.commands import install as command

    end_with(lambda: command(ctx.find_root().command, user=user, now=now, dry_run=dry_run))


@service.command(cls=Command)
def uninstall(ctx: typer.Context, user: ForOne = False, dry_run: DryRun = False) -> None:
    """Stop the service and take its files away.

    Configuration, spool and user stay.
    """
    from fishd.cli.service.commands import uninstall as command

    end_with(lambda: command(ctx.find_root().command, user=user, dry_run=dry_run))
