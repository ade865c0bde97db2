"""The Ray driver process, `python -m fishd.cluster.driver FD PARENT`: between the daemon and the actors.

`cluster.ray_pool` starts it. It owns the connection to Ray, hands reference clips to the nodes and writes the
clips that come back. It may import `cluster.node`, pool and wire, and nothing of the daemon.
"""
