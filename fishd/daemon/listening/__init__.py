"""Listening to takes: which listener process hears which take next, and what becomes of those that get lost.

The daemon's controller asks here, and `fishd listen` too; answers are posted back as events.
It must not import the dispatcher, and never holds up a worker: requests wait in its own queue.
"""
