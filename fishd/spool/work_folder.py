"""The names inside a job's folder, work/NAME."""

BUNDLE = "bundle"  # as it was dropped: a folder or a file
UNPACKED = "unpacked"  # an archive's content
ENDING = "ending"  # a dropped file's ending, where its content suggests another one
OUT = "out"  # the result as it grows: clips, then the files of the report
