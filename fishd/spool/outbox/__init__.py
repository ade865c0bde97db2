"""The way out of work/: stage a result, publish it, archive its bundle, and reuse clips of earlier results.

The daemon's publisher and its job loader call it.
It must not import inbox or bundle, and replaces a published result only as a whole, by a revision.
"""
