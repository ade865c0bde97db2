"""The commands to set fishd up, with their arguments and their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fishd.cli.help_layout import Command
from fishd.cli.options import BUNDLE, Config
from fishd.cli.output import exit_with
from fishd.cli.voices.app import voices

setup = typer.Typer()
setup.add_typer(voices, name="voices")


@setup.command(cls=Command)
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder; created if it does not exist.")],
) -> None:
    """Create a config.toml and a spool.

    The file explains every key. An existing config.toml is never overwritten.
    """
    from fishd.cli.commands.init import init as command

    exit_with(lambda: command(folder))


@setup.command(cls=Command)
def check(
    bundles: Annotated[list[Path] | None, typer.Argument(metavar="BUNDLE", help=BUNDLE)] = None,
    lines: Annotated[
        bool, typer.Option("--lines", "-l", help="List all lines, not only the first 20 of more than 40.")
    ] = False,
    config: Config = None,
) -> None:
    """Check bundles, or the configuration, without running a job.

    Reports all faults at once: in scripts, texts, files, audio, engine options and languages. Of a bundle
    without faults it shows the tracks, speakers, chapters and lines that would come out. Without a bundle, or
    with --config, the configuration is checked, and its changes to the defaults are listed. Exits with 1 if a
    bundle has faults; warnings do not change the exit code.
    """
    from fishd.cli.commands.check import check as command

    exit_with(lambda: command(bundles or [], config, all_lines=lines))


@setup.command(cls=Command)
def plan(
    gpu: Annotated[
        list[str] | None,
        typer.Option(
            "--gpu",
            metavar="NAME:GB",
            help='Plan for this GPU instead, such as "RTX 4090:24" or "2x RTX 3060:12". Repeatable.',
        ),
    ] = None,
    model_memory: Annotated[
        float | None,
        typer.Option("--model-memory", metavar="GB", help="Use this memory budget for one worker."),
    ] = None,
    config: Config = None,
) -> None:
    """Show how many workers run on which GPU, and why."""
    from fishd.cli.commands.plan import show_plan

    exit_with(lambda: show_plan(gpu or [], model_memory, config))


@setup.command(cls=Command)
def doctor(config: Config = None) -> None:
    """Check that everything the daemon needs is in place.

    Checks configuration, spool, voice library, audio formats, hook, GPUs, checkpoint and engine, and says how
    to fix each fault. Exits with 1 if there is one.
    """
    from fishd.cli.commands.doctor import doctor as command

    exit_with(lambda: command(config))


@setup.command(cls=Command)
def calibrate(
    write: Annotated[bool, typer.Option("--write", help="Set the budget in the configuration file.")] = False,
    config: Config = None,
) -> None:
    """Measure a worker's memory and propose its budget.

    Loads one worker, which speaks one take, then two, four and so on, up to all its slots. The budget is
    pool.model_memory_gb on a GPU, else pool.cpu_memory_gb. Stop the daemon first if it uses the GPU.
    """
    from fishd.cli.commands.calibrate import calibrate as command

    exit_with(lambda: command(config, write=write))
