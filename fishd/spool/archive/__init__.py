"""Bundles that are dropped as archives: which files are archives, what is in them, and unpacking.

The inbox, the bundle loader and the command line call it.
It must not import the other sub-packages of spool, except durable.
"""
