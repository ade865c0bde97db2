"""Requests for revisions on disk, and the takes of a published job that a revision goes on with.

The command line and the page write requests; the inbox, the job loader and the publisher read them.
It must not import the daemon or the command line.
"""
