"""The command line: every command has its arguments and its help in one of these modules.

What a command does is in a module of its own below `commands/`, which is imported when the command runs.
"""

from __future__ import annotations

from typing import Annotated

import typer

from fishd.cli.help_layout import Command, SectionedGroup
from fishd.cli.job_commands import jobs
from fishd.cli.options import Config
from fishd.cli.output import exit_with
from fishd.cli.service.app import service
from fishd.cli.setup_commands import setup

app = typer.Typer(
    name="fishd",
    cls=SectionedGroup,
    help="Turn folders of lines into folders of speech, in each speaker's own voice.",
    epilog="""\
`fishd COMMAND --help` explains a command.

\b
Exit codes:
  0  success
  1  a job failed or is incomplete, faults were found, or no daemon is running
  2  usage or configuration error
  3  another daemon owns the spool
""",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(requested: bool) -> None:
    if requested:
        from fishd import __version__

        print(f"fishd {__version__}")
        raise typer.Exit


@app.callback()
def fishd(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    del version


@app.command(cls=Command)
def run(
    config: Config = None,
    once: Annotated[
        bool, typer.Option("--once", help="Exit when every job in the inbox is finished.")
    ] = False,
) -> None:
    """Run the daemon in the foreground.

    It speaks the bundles in the inbox of its spool and publishes the results in the outbox. Ctrl-C finishes
    the takes in progress and exits; a second Ctrl-C exits at once. Unfinished jobs resume at the next start.
    SIGHUP, or saving the configuration file, reloads it.
    """
    from fishd.cli.commands.run import run_daemon

    exit_with(lambda: run_daemon(config, once=once))


@app.command(cls=Command)
def reload(config: Config = None) -> None:
    """Make the daemon reload its configuration.

    Waits for the outcome. An invalid file changes nothing: its faults are printed, and the exit code is 2.
    """
    from fishd.cli.commands.reload import reload as command

    exit_with(lambda: command(config))


app.add_typer(jobs)
app.add_typer(service, name="service")
app.add_typer(setup)


def main() -> None:
    """The console script."""
    app(prog_name="fishd")
