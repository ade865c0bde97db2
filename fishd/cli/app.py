"""Every command with its arguments; what a command does stands in a module of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fishd.cli.help_layout import Command, SectionedGroup
from fishd.cli.output import end_with
from fishd.cli.service.app import service

app = typer.Typer(
    name="fishd",
    cls=SectionedGroup,
    help="Folders of lines in, folders of speech out: every line in its speaker's own voice.",
    epilog="`fishd COMMAND --help` says more. Exit codes: 0 well; 1 a job failed, was partial or rejected, "
    "or faults were found; 2 usage or configuration; 3 another daemon owns the spool.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigPath = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The configuration; without it ./config.toml, /etc/fishd/config.toml, or the defaults.",
    ),
]
BUNDLES = "Folders, or archives (.zip, .tar, .tar.gz, .tgz), each a bundle."
JobName = Annotated[
    str, typer.Argument(metavar="JOB", help="Its name, as `fishd status` and the outbox show it.")
]


def _version(asked: bool) -> None:
    if asked:
        from fishd import __version__

        print(f"fishd {__version__}")
        raise typer.Exit


@app.callback()
def fishd(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_version, is_eager=True, help="Say the version and exit."),
    ] = False,
) -> None:
    del version


@app.command(cls=Command)
def run(
    config: ConfigPath = None,
    once: Annotated[bool, typer.Option("--once", help="Work off what is in the inbox, then stop.")] = False,
) -> None:
    """Run the daemon in the foreground.

    It watches the inbox of its spool, speaks what is dropped there, and publishes in the outbox. Ctrl-C stops
    it when the takes in hand are finished; a second Ctrl-C at once. What is unfinished is resumed at the next
    start. SIGHUP, or saving the configuration, reloads it.
    """
    from fishd.cli.commands.run import run_daemon

    end_with(lambda: run_daemon(config, once=once))


@app.command(cls=Command)
def submit(
    bundles: Annotated[list[Path], typer.Argument(metavar="BUNDLE", help=BUNDLES)],
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", "-w", help="Show the progress until they are published; exit 1 unless all is spoken."
        ),
    ] = False,
    config: ConfigPath = None,
) -> None:
    """Copy bundles into the inbox.

    The copy appears there whole, marked complete, under a name that is free from inbox to outbox: NAME, or
    NAME-2 and so on. An archive is looked through first, and keeps its ending; its job's name is without it.
    The names go to stdout; with --wait, how each job ended and where its result is.
    """
    from fishd.cli.commands.submit import submit as command

    end_with(lambda: command(bundles, config, wait=wait))


@app.command(cls=Command)
def status(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Redraw as it changes, until Ctrl-C.")] = False,
    config: ConfigPath = None,
) -> None:
    """Show jobs, segments, workers, GPUs and the last errors.

    The exit code is 1 if no daemon serves the spool.
    """
    from fishd.cli.commands.status import show_status

    end_with(lambda: show_status(config, as_json=as_json, watch=watch))


@app.command(cls=Command)
def logs(job: JobName, config: ConfigPath = None) -> None:
    """Print a job's own lines of the log."""
    from fishd.cli.commands.logs import show_log

    end_with(lambda: show_log(job, config))


@app.command(cls=Command)
def cancel(job: JobName, config: ConfigPath = None) -> None:
    """End a job; what is spoken of it is published.

    Waits for the result. Without a daemon, the job ends at the next start.
    """
    from fishd.cli.commands.cancel import cancel as command

    end_with(lambda: command(job, config))


@app.command(cls=Command)
def retry(
    job: JobName,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="As for submit.")] = False,
    config: ConfigPath = None,
) -> None:
    """Speak what failed of a job once more.

    Its segments that were not spoken go into the inbox as a bundle of their own, JOB-retry, with the voices
    from the archived bundle. The job's own result stays as it is.
    """
    from fishd.cli.commands.retry import retry as command

    end_with(lambda: command(job, config, wait=wait))


@app.command(cls=Command)
def check(
    bundles: Annotated[list[Path] | None, typer.Argument(metavar="BUNDLE", help=BUNDLES)] = None,
    config: ConfigPath = None,
) -> None:
    """Say all that is wrong with bundles, or with the configuration.

    Nothing is run or moved; an archive is unpacked into a temporary folder. Audio is decoded in a process of
    its own. Without a bundle, or with --config, the configuration is checked; what it changes is listed.
    """
    from fishd.cli.commands.check import check as command

    end_with(lambda: command(bundles or [], config))


@app.command(cls=Command)
def plan(
    gpu: Annotated[
        list[str] | None,
        typer.Option(
            "--gpu",
            metavar="NAME:GB",
            help='A card to plan for, such as "RTX 4090:24" or "2x RTX 3060:12"; may be repeated.',
        ),
    ] = None,
    model_memory: Annotated[
        float | None,
        typer.Option("--model-memory", metavar="GB", help="One worker's budget, for model_memory_gb."),
    ] = None,
    config: ConfigPath = None,
) -> None:
    """Show how many workers run where, and why.

    For this machine's cards, or with --gpu for described ones.
    """
    from fishd.cli.commands.plan import show_plan

    end_with(lambda: show_plan(gpu or [], model_memory, config))


@app.command(cls=Command)
def calibrate(
    write: Annotated[
        bool, typer.Option("--write", help="Put it into the configuration; its comments stay.")
    ] = False,
    config: ConfigPath = None,
) -> None:
    """Measure a worker's memory and propose its budget.

    One worker is loaded and speaks a standard set: one take, then more at once, up to all its slots. On a GPU
    this proposes model_memory_gb. Best while no daemon works on the card.
    """
    from fishd.cli.commands.calibrate import calibrate as command

    end_with(lambda: command(config, write=write))


@app.command(cls=Command)
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder; it is made if it is not there.")],
) -> None:
    """Write an explained config.toml and the spool's folders.

    A config.toml that is there already is never overwritten.
    """
    from fishd.cli.commands.init import init as command

    end_with(lambda: command(folder))


@app.command(cls=Command)
def reload(config: ConfigPath = None) -> None:
    """Have the running daemon read its configuration again.

    Says how that went. A bad file changes nothing: its faults are printed, and the exit code is 2.
    """
    from fishd.cli.commands.reload import reload as command

    end_with(lambda: command(config))


@app.command(cls=Command)
def doctor(config: ConfigPath = None) -> None:
    """Look at all that a daemon needs: engine, GPU, checkpoint, spool.

    Each fault comes with its mend; the exit code is 1 if there is one.
    """
    from fishd.cli.commands.doctor import doctor as command

    end_with(lambda: command(config))


app.add_typer(service, name="service")


def main() -> None:
    """The console script."""
    app()
