"""English: the stock voice reads, a sentence at a time, and is shaped towards the reference."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fishd.engines.preview.analysis.mel_bands import Array
from fishd.engines.preview.analysis.warp import Base
from fishd.engines.preview.conversion.convert import convert
from fishd.engines.preview.conversion.frame_selection import Settings
from fishd.engines.preview.conversion.voice import Likeness
from fishd.engines.preview.options import Options
from fishd.engines.preview.stock_voice import StockVoice
from fishd.engines.preview.text import Unspeakable, plain, split_phonemes


@dataclass(frozen=True, slots=True)
class English:
    """The stock voice and what is known of it."""

    stock: StockVoice
    base: Base

    def phonemes(self, text: str) -> list[str]:
        """The text's sentences as phonemes, none too long; [] if there is no English word in it."""
        pieces = [p for sentence in self.stock.phonemes(plain(text)) for p in split_phonemes(sentence)]
        return [piece for piece in pieces if any(sound.isalpha() for sound in piece)]

    def speak(self, text: str, likeness: Likeness, options: Options, seed: int) -> Iterator[Array]:
        """The text's sentences, each as sound. Raises Unspeakable."""
        phonemes = self.phonemes(text)
        if not phonemes:
            raise Unspeakable(f"nothing in {text[:40]!r} can be spoken as English; check its language")
        pitch = likeness.pitch_median + options.pitch * math.log(2) / 12
        shape, settings = replace(likeness, pitch_median=pitch), Settings(blend=options.blend)
        for number, piece in enumerate(phonemes):
            read = self.stock.read(piece, likeness.pace_kept * options.pace)
            yield convert(read, shape, self.base, settings).sound((seed, number))
