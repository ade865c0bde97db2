"""Reads TOML that people write: every fault of a text is collected, with its place and what was expected.

The configuration (core), bundles (spool) and the engines' options all read their tables with it.
It knows none of their keys and imports nothing of fishd.
"""
