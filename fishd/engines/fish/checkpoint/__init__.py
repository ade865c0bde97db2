"""A checkpoint folder's files, read and validated by name, shape and type before anything is loaded.

Called by `model`, `codec`, `load` and `doctor`. It may not import any other part of the fish engine but
import_stubs.
"""
