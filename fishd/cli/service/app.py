"""The commands of `fishd service`, with their arguments."""

from __future__ import annotations

from typing import Annotated

import typer

from fishd.cli.help_layout import Command
from fishd.cli.output import exit_with

service = typer.Typer(
    help="Install fishd as a systemd service, or uninstall it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

User = Annotated[bool, typer.Option("--user", help="A service of your own, without root, in ~/fishd.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Print the steps and change nothing.")]


@service.command(cls=Command)
def install(
    ctx: typer.Context,
    user: User = False,
    now: Annotated[bool, typer.Option("--now", help="Start the service as well.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Install unit, user, spool, configuration and manual.

    Run it again after an upgrade: outdated files are replaced, and a configuration that exists is kept.
    """
    from fishd.cli.service import commands
    from fishd.cli.service.machine import this_machine

    root = ctx.find_root().command
    exit_with(lambda: commands.install(root, this_machine(), user=user, now=now, dry_run=dry_run))


@service.command(cls=Command)
def uninstall(ctx: typer.Context, user: User = False, dry_run: DryRun = False) -> None:
    """Stop the service and remove its files.

    Configuration, spool and the user fishd are kept.
    """
    from fishd.cli.service import commands
    from fishd.cli.service.machine import this_machine

    root = ctx.find_root().command
    exit_with(lambda: commands.uninstall(root, this_machine(), user=user, dry_run=dry_run))
