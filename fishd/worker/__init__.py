"""The child's side of the process boundary: load an engine, speak takes, write clips.

It never imports the parent's world (daemon, pool, spool, host); all it knows of it is the wire.
"""
