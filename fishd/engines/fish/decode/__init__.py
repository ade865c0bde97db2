"""Batched decoding: how many takes fit the memory, the KV cache, and the decoder that steps all rows at once.

Called by `load`, `engine` and `cuda`. It may not import `cuda` or the engine, and it produces codes, never
audio.
"""
