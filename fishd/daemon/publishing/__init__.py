"""The end of a job: its clips are assembled, its result is reported and moved into the outbox, its hook runs.

It owns the jobs on their way there; the controller hands them over, and their ends go into the mailbox. It
may import whatever is below the daemon, and of the daemon only the back-off and the disk errors.
"""
