"""The machine around the daemon: GPUs, CPU cores, logs, systemd, status.json, metrics, config.toml.

The daemon and the command line call it.
It must not import spool, pool, daemon or cli.
"""
