"""Speech analysis: spectra to mel bands and cepstra, pitch, speech activity, loudness, and reference clips.

Called by `conversion`, by the voices and by the engine. It may not import either: it knows nothing of the
stock voice or of voice profiles.
"""
