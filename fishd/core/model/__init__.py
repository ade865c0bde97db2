"""The records that the parts of fishd exchange: jobs, outcomes, results, status, limits, hashes.

Every part of fishd but the engines uses them.
It must not import anything else of fishd.
"""
