"""How clips become one programme: where each line goes, how fast, how loud, and the texts beside the track.

The daemon reads its settings, the audio process executes its plan, and both write the texts that it renders.
It may import the standard library and `fishd.core` only: numbers and texts come in, numbers and texts go out.
"""
