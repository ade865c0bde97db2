"""The listener process: recognises the words of a take on the CPU, and compares its voice with the reference.

The daemon's pool and `fishd listen` start it as `python -m fishd.listener`; nothing of the parent imports it.
It must not import the parent's side (daemon, pool, spool, host, cli), a worker or an engine.
"""
