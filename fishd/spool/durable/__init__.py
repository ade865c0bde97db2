"""File operations that the rest of the spool builds on: durable writes, and reads that stay inside a folder.

Every other part of spool calls it.
It must not import any of them.
"""
