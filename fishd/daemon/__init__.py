"""The daemon: one TaskGroup, one mailbox, and the parts that bring messages to it and execute what follows.

`app.run` is called by `fishd run` and by nothing else. It may import everything below (spool, pool, host,
wire, view, core), but neither the commands nor the worker's side.
"""
