"""Revisions of a published job: what is asked, and what becomes of the job and its takes.

The spool reads and writes requests, the job loader applies them, the publisher reports them.
It does no I/O and may import the records in core/model and the pronunciations.
"""
