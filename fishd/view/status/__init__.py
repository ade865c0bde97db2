"""The status of a daemon: in full, as one live line, and as systemd's status line.

`fishd status`, `fishd run` and the daemon's status publisher use it.
It must not import view.report or view.plan.
"""
