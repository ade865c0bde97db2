"""Proof listening: the converter hears itself once, and takes out what it always gets wrong.

The stock voice's envelopes are what its network asks for; a reference's are what WORLD hears. The two differ
by a tilt of several dB, which depends on pitch and voice. So the converted voice is analysed like a clip, and
the difference between its mean spectrum and the reference's is added to what is aimed at.
Measured on 21 speakers: SIM 0.748 -> 0.776 by this alone.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fishd.engines.preview.analysis import reference
from fishd.engines.preview.analysis.frames import Frames, join
from fishd.engines.preview.analysis.mel_bands import Array
from fishd.engines.preview.analysis.warp import Base
from fishd.engines.preview.conversion.convert import convert
from fishd.engines.preview.conversion.frame_selection import Settings
from fishd.engines.preview.conversion.stock_profile import CALIBRATION
from fishd.engines.preview.conversion.voice import Exemplars, Likeness
from fishd.engines.preview.stock_voice import StockVoice

NUM_SENTENCES = 3
FEWEST = 20  # frames for a mean that means something


def proof_listen(
    likeness: Likeness, heard: Frames, transcript: list[str], voice: StockVoice, base: Base
) -> Likeness:
    """The likeness with its aim corrected. Speaks the transcript where it is known: the same sounds."""
    sentences = transcript or [p for text in CALIBRATION for p in voice.phonemes(text)]
    spoken = [
        convert(voice.read(phonemes, likeness.pace_kept), likeness, base, Settings())
        for phonemes in sentences[:NUM_SENTENCES]
    ]
    ours = join([reference.analyse(sentence.sound(0)) for sentence in spoken])
    return replace(
        likeness,
        voiced=_aim(likeness.voiced, heard.ceps[heard.voiced], ours.ceps[ours.voiced]),
        unvoiced=_aim(likeness.unvoiced, heard.ceps[heard.unvoiced], ours.ceps[ours.unvoiced]),
    )


def _aim(exemplars: Exemplars, heard: Array, ours: Array) -> Exemplars:
    if min(len(heard), len(ours)) < FEWEST:
        return exemplars
    missed = heard.mean(0) - ours.mean(0)
    missed[0] = 0.0  # the level is set at the end
    return replace(exemplars, ceps=(exemplars.ceps + missed).astype(np.float32))
