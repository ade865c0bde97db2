"""The checkpoint's audio codec: reference clips to codes, and codes to checked clips.

Called by `voices` (encoding), `decode` (its limits) and `engine` (decoding). It may not import the
transformers, the decoder or `cuda`.
"""
