"""Whether what a recogniser heard is what was to be said: tokens, alternative readings, alignment, faults.

The listener process calls `check.check_words` for a take, and passes in how numbers are spelled.
It must not import anything of fishd but `core.quality.faults`, and does no I/O.
"""
