"""The pure core: jobs and results, configuration, sizing, the dispatcher, delivery; no I/O and no clock.

Every part of fishd but the engines uses it.
It must not import anything of fishd but fishd.toml, nor rich.
"""
