"""The way in: bundles are claimed from the inbox, jobs are recovered from work/, and both are read.

It owns the inbox and posts each job that was read into the mailbox. It may import whatever is below the
daemon, and of the daemon the publisher (for interrupted publications), the back-off and the disk errors.
"""
