"""Speaker embeddings: the encoder of the package Resemblyzer, without torch and librosa.

The listener calls it for takes and references.
It must not import anything of fishd but `fishd.listener.audio`, `fishd.core.quality` and the wire.
"""
