"""The way out: a finished job's result is reported, staged and moved into the outbox.

It owns the jobs on their way there; the controller hands them over, and their ends go into the mailbox. It
may import whatever is below the daemon, and of the daemon only the back-off and the disk errors.
"""
