"""`fishd service`: fishd under systemd, installed from the files in systemd/ and uninstalled again.

`fishd.cli.app` mounts its commands. It must not import the other commands, nor the daemon.
"""
