"""The dual-AR model: its weights, its two transformers, sampling, and the state of the rows that it decodes.

Called by `decode` and `cuda`. It may not import either of them, the codec, or anything that knows takes and
voices.
"""
