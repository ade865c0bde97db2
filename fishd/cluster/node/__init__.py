"""What runs on a node, inside Ray's processes: the probe, and the actor that has one worker process.

The driver calls it through Ray. It may import pool, host and wire, and must not import the driver: a node
needs no connection to the daemon but Ray's.
"""
