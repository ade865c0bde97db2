"""Takes checked: what its measurements, or the words heard in it, say against a take; which take to keep.

The worker measures, a listener hears, and the dispatcher asks here whether to speak the line again.
It may import the standard library and `fishd.core` only: measurements and texts come in, faults come out.
"""
