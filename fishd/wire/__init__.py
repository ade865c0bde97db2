"""What crosses a process boundary: messages and frames between daemon and worker, and the control socket.

The daemon, its pool and the workers call it.
It may import core, and nothing else of fishd.
"""
