"""What each command does, one module for each: a function that takes its arguments and returns the exit code.

`fishd.cli.app` calls them. They must not import it, nor typer.
"""
