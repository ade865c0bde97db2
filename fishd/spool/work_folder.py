"""The names inside a job's folder, work/NAME."""

BUNDLE = "bundle"  # as it was dropped: a folder or an archive
UNPACKED = "unpacked"  # an archive's content
OUT = "out"  # the result as it grows: clips, then the files of the report
