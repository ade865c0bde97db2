"""`fishd service`: install fishd as a systemd service from the files in systemd/, and uninstall it.

`fishd.cli.app` mounts its commands. It must not import the other commands or the daemon.
"""
