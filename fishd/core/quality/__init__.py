"""Checks of takes: which faults the measurements or the words heard show, and which take is kept.

The worker measures, a listener hears, and the daemon asks here whether a take is good enough.
It may import the standard library and other modules of fishd.core.quality only.
"""
