"""Workers on the nodes of a Ray cluster: `pool.backend = "ray"`.

`ray_pool` is the daemon's side, which never imports Ray: it starts the process `driver`, which does, and has
an actor for each worker run the code in `node` on its machine. Only the daemon's composition root and the
commands plan and doctor may import the room; it must not import spool, worker, engines, daemon or cli.
"""
