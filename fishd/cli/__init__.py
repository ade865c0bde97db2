"""The command line: arguments in, exit codes out. Results go to stdout, talk to stderr.

`fishd --help` must answer at once, so every command imports what it needs when it runs.
"""

from fishd.cli.app import main

__all__ = ["main"]
