"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Configuration file. Default: ./config.toml, else /etc/fishd/config.toml.",
    ),
]
Job = Annotated[
    str, typer.Argument(metavar="JOB", help="The job's name, as in `fishd status` or the outbox.")
]
Wait = Annotated[
    bool,
    typer.Option("--wait", "-w", help="Show progress until the result is published."),
]
BUNDLE = (
    "A folder, an archive of one (.zip, .tar, .tar.gz, .tgz), or a script (.srt, .vtt, .ass, .csv, .tsv, "
    ".txt, .md, .epub, .fountain)."
)
