"""The summary of a finished job: headline, faults, next step and tables, as text and as an HTML page.

The daemon's publisher writes it; `fishd submit --wait` prints parts of it.
It must not import view.status or view.plan.
"""
