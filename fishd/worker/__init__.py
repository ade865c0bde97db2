"""The worker process: load an engine, speak takes, write clips, decode untrusted reference clips.

Nothing in the daemon imports it; the pool starts it as `python -m fishd.worker`.
It must not import the parent's side (daemon, pool, spool, host, cli), and knows the daemon only by the wire.
"""
