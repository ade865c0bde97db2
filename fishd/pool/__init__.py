"""Worker processes: start them, exchange messages with them, end and reap them.

The daemon calls it, from its event loop.
It must not import spool, host, worker or daemon, and makes no decisions of its own.
"""
