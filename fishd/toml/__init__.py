"""Reads TOML that people write: collects every fault of a text, with its place and what was expected.

The configuration, the bundle reader and the engines' options use it.
It must not import anything else of fishd, and knows none of their keys.
"""
