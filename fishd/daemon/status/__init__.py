"""What the daemon shows of itself: status.json, metrics, the live line and systemd's status.

It owns errors and totals since the start, and derives everything else from the dispatcher. The mailbox's task
calls it; it may import whatever is below the daemon, and no other part of the daemon.
"""
