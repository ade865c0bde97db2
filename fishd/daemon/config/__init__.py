"""The configuration of a running daemon: reloads, the watch on config.toml and the watch on the GPUs.

It owns the configuration in force and the last planned deployment, which the mailbox's task adopts. It may
import the mailbox's messages and whatever is below the daemon, and no other part of the daemon.
"""
