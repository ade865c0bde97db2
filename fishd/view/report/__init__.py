"""The summary of a finished job as text: headline, faults, next step and tables.

The daemon's publisher writes it; `fishd submit --wait` prints parts of it, and view.page has its sentences.
It must not import view.page, view.status or view.plan.
"""
