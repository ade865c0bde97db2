"""The command line: arguments in; results on stdout, messages on stderr and an exit code out.

The console script and `python -m fishd` call `main`. It must not import the worker's side (`fishd.worker`,
`fishd.engines`), and a command imports what it needs only when it runs, so that `--help` answers at once.
"""

from fishd.cli.app import main

__all__ = ["main"]
