"""The review page: a web server in which results are heard, compared, approved and spoken again.

`fishd review` starts it; like every command it is a client of the spool, so the daemon needs no network.
It may import core, view, spool, toml and host, but nothing of the daemon, its workers and the engines.
"""
