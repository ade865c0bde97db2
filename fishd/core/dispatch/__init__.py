"""Scheduling: the dispatcher takes events and returns actions; it owns all state of jobs, takes and workers.

The daemon's controller calls it, from one task.
It must not import anything of fishd but core.model and core.quality.
"""
