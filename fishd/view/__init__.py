"""What people see, as rich renderables: summaries, status, the sizing plan, and the layout that they share.

The command line, the daemon's publisher and the live line of the log use it.
It must not import anything of fishd but core, and reads no files.
"""
