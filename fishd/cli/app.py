"""Every command with its arguments and its help; what a command does is in a module of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fishd.cli.help_layout import Command, SectionedGroup
from fishd.cli.options import BUNDLE, Config, Job, Wait
from fishd.cli.output import exit_with
from fishd.cli.service.app import service
from fishd.cli.voices.app import voices

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


@app.command(cls=Command)
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


@app.command(cls=Command)
def logs(job: Job, config: Config = None) -> None:
    """Print a job's log."""
    from fishd.cli.commands.logs import show_log

    exit_with(lambda: show_log(job, config))


@app.command(cls=Command)
def cancel(job: Job, config: Config = None) -> None:
    """End a job and publish what is spoken already.

    Waits for the result. If no daemon is running, the job ends when one starts.
    """
    from fishd.cli.commands.cancel import cancel as command

    exit_with(lambda: command(job, config))


@app.command(cls=Command)
def retry(job: Job, wait: Wait = False, config: Config = None) -> None:
    """Speak a job's failed segments again.

    The archived bundle is submitted again as JOB-retry. Good clips are taken over, so that only segments
    without one are spoken and the new result is complete. The first result is not changed.
    """
    from fishd.cli.commands.retry import retry as command

    exit_with(lambda: command(job, config, wait=wait))


@app.command(cls=Command)
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


@app.command(cls=Command)
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


app.add_typer(service, name="service")
app.add_typer(voices, name="voices")


@app.command(cls=Command)
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder; created if it does not exist.")],
) -> None:
    """Create a config.toml and a spool.

    The file explains every key. An existing config.toml is never overwritten.
    """
    from fishd.cli.commands.init import init as command

    exit_with(lambda: command(folder))


@app.command(cls=Command)
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


@app.command(cls=Command)
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


@app.command(cls=Command)
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


@app.command(cls=Command)
def doctor(config: Config = None) -> None:
    """Check that everything the daemon needs is in place.

    Checks configuration, spool, voice library, audio formats, hook, GPUs, checkpoint and engine, and says how
    to fix each fault. Exits with 1 if there is one.
    """
    from fishd.cli.commands.doctor import doctor as command

    exit_with(lambda: command(config))


@app.command(cls=Command)
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


def main() -> None:
    """The console script."""
    app(prog_name="fishd")
