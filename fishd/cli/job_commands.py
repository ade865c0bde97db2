"""The commands for jobs, with their arguments and their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fishd.cli.help_layout import Command
from fishd.cli.options import BUNDLE, Config, Job, Wait
from fishd.cli.output import exit_with

jobs = typer.Typer()


@jobs.command(cls=Command)
def submit(
    bundles: Annotated[list[Path], typer.Argument(metavar="BUNDLE", help=BUNDLE)],
    wait: Wait = False,
    config: Config = None,
) -> None:
    """Submit bundles: copy them into the inbox.

    A bundle appears in the inbox complete or not at all. Its job is named after it: NAME, or NAME-2 and so on
    if that name is taken. The names are printed on stdout; with --wait, how each job ended and where its
    result is.
    """
    from fishd.cli.commands.submit import submit as command

    exit_with(lambda: command(bundles, config, wait=wait))


@jobs.command(cls=Command)
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Redraw on changes until Ctrl-C.")] = False,
    config: Config = None,
) -> None:
    """Show jobs, workers, GPUs and the latest errors.

    Exits with 1 if no daemon is running.
    """
    from fishd.cli.commands.status import show_status

    exit_with(lambda: show_status(config, as_json=as_json, watch=watch))


@jobs.command(cls=Command)
def logs(job: Job, config: Config = None) -> None:
    """Print a job's log."""
    from fishd.cli.commands.logs import show_log

    exit_with(lambda: show_log(job, config))


@jobs.command(cls=Command)
def cancel(job: Job, config: Config = None) -> None:
    """End a job and publish what is spoken already.

    Waits for the result. If no daemon is running, the job ends when one starts.
    """
    from fishd.cli.commands.cancel import cancel as command

    exit_with(lambda: command(job, config))


@jobs.command(cls=Command)
def retry(job: Job, wait: Wait = False, config: Config = None) -> None:
    """Speak a job's failed segments again.

    The archived bundle is submitted again as JOB-retry. Good clips are taken over, so that only segments
    without one are spoken and the new result is complete. The first result is not changed.
    """
    from fishd.cli.commands.retry import retry as command

    exit_with(lambda: command(job, config, wait=wait))


@jobs.command(cls=Command)
def retake(
    job: Job,
    lines: Annotated[
        list[str] | None, typer.Argument(metavar="SPEAKER/ID", help="A line, as in the result.")
    ] = None,
    *,
    text: Annotated[str | None, typer.Option("--text", help="Speak this text instead; for one line.")] = None,
    take: Annotated[
        int | None, typer.Option("--take", metavar="N", help="Choose this kept take; nothing is spoken.")
    ] = None,
    pronounce: Annotated[
        list[str] | None,
        typer.Option(
            "--pronounce",
            metavar="WORD=AS",
            help="Speak this word so; every line that has it is spoken again. Repeatable.",
        ),
    ] = None,
    wait: Wait = False,
    config: Config = None,
) -> None:
    """Speak single lines of a published job again.

    Each line gets another take, a new text, or one of the takes that were kept. Everything else is taken
    over, the tracks are built again, and the new result takes the place of the old one, which is kept as
    archive/JOB.rev1, and so on. A line that cannot be spoken keeps its former take.
    """
    from fishd.cli.commands.retake import retake as command

    exit_with(
        lambda: command(job, lines or [], config, text=text, take=take, pronounce=pronounce or [], wait=wait)
    )


@jobs.command(cls=Command)
def review(
    job: Annotated[
        str | None, typer.Argument(metavar="[JOB]", help="Open this job's page. Default: the list of jobs.")
    ] = None,
    *,
    port: Annotated[
        int,
        typer.Option("--port", metavar="PORT", min=0, max=65535, help="Listen on this port; 0: any."),
    ] = 8765,
    host: Annotated[
        str,
        typer.Option("--host", metavar="HOST", help="Listen on this address. Default: only this machine."),
    ] = "127.0.0.1",
    url_file: Annotated[
        Path | None,
        typer.Option(
            "--url-file",
            metavar="FILE",
            help="Write the address into this file, which its group can read, and do not print it.",
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option("--cache", metavar="DIR", help="Keep waveforms here. Default: .cache in the spool."),
    ] = None,
    config: Config = None,
) -> None:
    """Serve a page on which results are heard and reviewed.

    Prints its address, which has a token, and serves until Ctrl-C. On the page: jobs and their progress,
    every line beside its speaker's reference, other takes, texts and pronunciations, approval, new jobs.
    """
    from fishd.cli.commands.review import review as command

    exit_with(lambda: command(job, config, host, port, url_file=url_file, cache=cache))


@jobs.command(cls=Command)
def listen(
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="A result's folder, or one with NAME.wav and NAME.txt.")
    ],
    recogniser: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="A faster-whisper model, instead of the configured one."),
    ] = None,
    language: Annotated[str, typer.Option(help="Of the texts in a folder; a result names its own.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    config: Config = None,
) -> None:
    """Check clips that exist already, as takes are checked; doubtful lines come first.

    Measures every clip, and has a recogniser listen to it if one is configured or named. Exits with 1 if a
    line is doubtful.
    """
    from fishd.cli.commands.listen import listen as command

    exit_with(lambda: command(target, config, recogniser, language, as_json_text=as_json))
