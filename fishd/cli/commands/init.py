"""`fishd init`: a folder with an explained config.toml and the spool beside it."""

from __future__ import annotations

import shlex
from pathlib import Path

from fishd.cli.output import WELL, CommandError, say
from fishd.core.text.printable import to_printable
from fishd.host.config_file import commented_defaults
from fishd.spool.errors import SpoolError
from fishd.spool.root import make_folders


def init(folder: Path) -> int:
    """Write the files; whatever is there already stays, and a config.toml is not overwritten."""
    config = folder / "config.toml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with config.open("x", encoding="utf-8") as file:
            file.write(commented_defaults())
        make_folders(folder / "spool")
    except FileExistsError as error:
        what = "is a file, not a folder" if folder.is_file() else "is there already"
        thing = folder if folder.is_file() else config
        raise CommandError(
            f"{thing}: {what}; nothing was changed. Take another folder, or move it away"
        ) from error
    except (OSError, SpoolError) as error:
        words = f"{folder}: cannot be set up: {error.strerror}" if isinstance(error, OSError) else error
        raise CommandError(words) from error
    print(config)
    print(folder / "spool")
    go = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(to_printable(str(folder)))} && "
    say(f"next: `{go}fishd run`, then drop a bundle in spool/inbox, or `fishd submit BUNDLE`")
    return WELL
