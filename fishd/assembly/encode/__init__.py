"""Samples -> the bytes of an audio file, in every format that fishd delivers.

The assembly opens a sink for each clip and each track (`sinks.py`) and writes 16-bit mono samples to it.
It writes to a binary file that it is given, and imports nothing of ours but `fishd.core.delivery`.
"""
