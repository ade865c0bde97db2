"""The commands of `fishd voices`, with their arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fishd.cli.help_layout import Command
from fishd.cli.options import Config
from fishd.cli.output import exit_with

voices = typer.Typer(
    invoke_without_command=True,
    subcommand_metavar="[COMMAND]",
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@voices.callback()
def list_(ctx: typer.Context, config: Config = None) -> None:
    """List and check the voice library, or add a voice.

    Scripts and bundles use its voices by name. Shows each voice's name, language, length and transcript, and
    what is wrong with it; exits with 1 if there is a fault. The library is [voices] root in the
    configuration: a folder with one folder for each voice.
    """
    if ctx.invoked_subcommand is None:
        from fishd.cli.voices.listing import list_voices

        exit_with(lambda: list_voices(config))


@voices.command(cls=Command)
def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The voice's name, as scripts use it.")],
    clip: Annotated[
        Path, typer.Argument(metavar="CLIP", help="A recording of 10 to 30 s: WAV, FLAC, OGG or MP3.")
    ],
    *,
    transcript: Annotated[
        str | None, typer.Option("--transcript", "-t", metavar="TEXT", help="What is said in the clip.")
    ] = None,
    transcript_file: Annotated[
        Path | None,
        typer.Option(
            "--transcript-file", metavar="FILE", help="A file that holds it. Default: CLIP's name with .txt."
        ),
    ] = None,
    language: Annotated[
        str,
        typer.Option(
            "--language", "-l", metavar="TAG", help='The clip\'s language, such as "en" or "pt-BR".'
        ),
    ] = "",
    alias: Annotated[
        list[str] | None,
        typer.Option("--alias", metavar="NAME", help="Another name of the voice. Repeatable."),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Replace the voice of this name; it keeps its language and aliases."),
    ] = False,
    config: Config = None,
) -> None:
    """Add a voice to the library.

    The clip is decoded and checked before anything is written, and the voice appears complete or not at all.
    Its name is printed on stdout.
    """
    from fishd.cli.voices.add import VoiceOptions, add_voice
    from fishd.spool.names import one_line

    aliases = tuple(map(one_line, alias or ()))
    options = VoiceOptions(transcript, transcript_file, language, aliases, replace)
    path = config or (ctx.parent.params["config"] if ctx.parent else None)
    exit_with(lambda: add_voice(name, clip, options, path))
