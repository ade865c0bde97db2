"""A finished job's clips -> what is delivered: levelled clips, the tracks, the texts beside them.

The daemon starts it as a process of its own for one job (`python -m fishd.assembly`) and reads its answers.
It imports `fishd.core` and `fishd.wire` and nothing else of ours.
"""
