"""`fishd voices`: list and check the voice library, and add voices to it.

`fishd.cli.app` mounts its commands, and `fishd doctor` uses its check. It must not import the other commands.
"""
