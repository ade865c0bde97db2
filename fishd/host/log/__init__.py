"""The daemon's log on every target (terminal, pipe, journal, file), each job's own log, and the live line.

The daemon and `fishd run` call it.
It must not import anything else of host.
"""
