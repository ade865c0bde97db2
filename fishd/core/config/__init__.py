"""Owns the configuration: its keys and their rules, its defaults, and how config.toml becomes a Config.

The commands, the daemon and the sizing use it; reading the file is `fishd.host.config_file`'s.
It may import `fishd.toml` and `fishd.core.model`, and does no I/O.
"""
