"""The checks of `fishd doctor`: configuration, spool, GPUs, checkpoint and engine, as findings.

`fishd.cli.commands.doctor` prints them. They must not import a command.
"""
