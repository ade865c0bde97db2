"""The journal of a job in work/: what is spoken and what has failed, appended line by line, and its recovery.

The daemon's journal writer appends to it; the job loader recovers a job from it after a crash.
It must not import inbox, bundle or outbox.
"""
