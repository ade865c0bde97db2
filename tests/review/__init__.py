"""The review page: a real server process, real sockets, and a real browser where there is one."""
