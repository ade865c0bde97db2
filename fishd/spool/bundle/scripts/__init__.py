"""Script files (subtitles, tables, prose, screenplays) turned from bytes into lines to speak.

The bundle reader calls `read.read_script`; the records it gets back are in `model`. Nothing in here opens a
file or a socket, and nothing may import the bundle's manifest or reader.
"""
