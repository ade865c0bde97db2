"""`fishd init`: write a config.toml that explains every key, and create the spool's folders beside it."""

from __future__ import annotations

import shlex
from pathlib import Path

from fishd.cli.output import EXIT_OK, CommandError, print_message
from fishd.core.text.printable import to_printable
from fishd.host.config_file import commented_defaults
from fishd.spool.errors import SpoolError
from fishd.spool.root import make_folders


def init(folder: Path) -> int:
    """Create what is missing; an existing config.toml is never overwritten. The exit code."""
    config = folder / "config.toml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with config.open("x", encoding="utf-8") as file:
            file.write(commented_defaults())
        make_folders(folder / "spool")
    except FileExistsError as error:
        is_file = folder.is_file()
        fault = f"{folder}: is a file, not a folder" if is_file else f"{config}: already exists"
        raise CommandError(f"{fault}; nothing was changed. Use another folder, or move it away") from error
    except (OSError, SpoolError) as error:
        is_os_error = isinstance(error, OSError)
        fault = f"{folder}: cannot be set up: {error.strerror}" if is_os_error else error
        raise CommandError(fault) from error
    print(config)
    print(folder / "spool")
    cd = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(to_printable(str(folder)))} && "
    print_message(f"start the daemon with `{cd}fishd run`, then submit a bundle with `fishd submit BUNDLE`")
    return EXIT_OK
