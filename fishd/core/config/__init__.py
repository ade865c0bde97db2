"""The configuration: its keys, their rules and defaults, and how the text of config.toml becomes a Config.

The command line, the daemon and the sizing use it; `fishd.host.config_file` reads the file.
It must not import anything of fishd but fishd.toml and core.model, and does no I/O.
"""
