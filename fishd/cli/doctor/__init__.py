"""The checks of `fishd doctor`: configuration, spool, voices, hook, GPUs and engine, as findings.

`fishd.cli.commands.doctor` prints them. They must not import a command.
"""
