"""English: the stock voice reads sentence by sentence, converted towards the reference."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fishd.engines.preview.analysis.mel_bands import Array
from fishd.engines.preview.conversion.convert import convert
from fishd.engines.preview.conversion.exemplar_match import MatchSettings
from fishd.engines.preview.conversion.stock_profile import StockProfile
from fishd.engines.preview.conversion.voice_profile import VoiceProfile
from fishd.engines.preview.options import Options
from fishd.engines.preview.stock_voice import StockVoice
from fishd.engines.preview.text import UnspeakableText, clean

MAX_PHONEMES = 300  # about 20 s of speech: longer pieces cost memory and lose their intonation


@dataclass(frozen=True, slots=True)
class English:
    """The stock voice and its profile."""

    voice: StockVoice
    profile: StockProfile

    def phonemes(self, text: str) -> list[str]:
        """The text's sentences as phonemes, in pieces of at most MAX_PHONEMES; [] if no word is English."""
        pieces = [p for sentence in self.voice.phonemes(clean(text)) for p in split_phonemes(sentence)]
        return [piece for piece in pieces if any(sound.isalpha() for sound in piece)]

    def speak(self, text: str, reference: VoiceProfile, options: Options, seed: int) -> Iterator[Array]:
        """The text's sentences as audio, one by one. Raises UnspeakableText."""
        phonemes = self.phonemes(text)
        if not phonemes:
            raise UnspeakableText(f"nothing in {text[:40]!r} can be spoken as English; check its language")
        pitch_median = reference.pitch_median + options.pitch * math.log(2) / 12
        target, settings = replace(reference, pitch_median=pitch_median), MatchSettings(blend=options.blend)
        for number, piece in enumerate(phonemes):
            sentence = self.voice.synthesise(piece, reference.speaking_pace * options.pace)
            yield convert(sentence, target, self.profile, settings).render((seed, number))


def split_phonemes(phonemes: str, limit: int = MAX_PHONEMES) -> list[str]:
    """A sentence's phonemes in pieces of at most `limit`, split at commas or else at spaces."""
    pieces = list[str]()
    while len(phonemes) > limit:
        cut = max(phonemes.rfind(mark, limit // 2, limit) for mark in (", ", "; ", ": ", "— "))
        cut = cut + 1 if cut > 0 else phonemes.rfind(" ", 1, limit)
        cut = cut if cut > 0 else limit
        pieces.append(phonemes[:cut].strip())
        phonemes = phonemes[cut:].strip()
    return [*pieces, phonemes]
