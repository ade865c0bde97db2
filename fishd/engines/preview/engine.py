"""The preview engine: one take at a time, a sentence a step."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

import numpy as np

from fishd.engines.preview import foreign
from fishd.engines.preview.analysis.loudness import set_loudness
from fishd.engines.preview.analysis.mel_bands import SAMPLE_RATE, Array
from fishd.engines.preview.analysis.reference import load
from fishd.engines.preview.analysis.warp import Base
from fishd.engines.preview.cache import Cache
from fishd.engines.preview.conversion.enroll import learn
from fishd.engines.preview.conversion.stock_profile import learn_base
from fishd.engines.preview.conversion.voice import Likeness
from fishd.engines.preview.english import English
from fishd.engines.preview.languages import is_english
from fishd.engines.preview.options import read_options
from fishd.engines.preview.stock_voice import StockVoice
from fishd.engines.preview.text import Unspeakable, has_word, plain
from fishd.engines.protocol import BadClip, BadOption, Failed, Spoken, Take, Voice

REMARK = (
    "This is a preview, not a clone: a stock voice shaped towards each reference's pitch, timbre and pace; "
    "accent, phrasing and emotion stay the stock voice's."
)
Speaking = Generator[None, None, Array]


class PreviewEngine:
    """See `fishd.engines.protocol.Engine`. English is hibari's, reshaped; other languages are espeak's."""

    sample_rate = SAMPLE_RATE
    capacity = 1
    name = "preview"
    remark = REMARK
    notes = ("preview engine on the CPU: one take at a time, one core",)

    def __init__(self, options: Mapping[str, object]) -> None:
        self._options = options
        folder = str(options.get("cache_dir") or "")
        self._cache = Cache(Path(folder) if folder else None)
        stock = StockVoice()
        self._english = English(stock, self._cache.get(Base, "the stock voice", lambda: learn_base(stock)))
        self._in_hand: tuple[Take, Speaking] | None = None

    def start(self, take: Take) -> None:
        assert self._in_hand is None, "start above capacity"
        self._in_hand = (take, self._speak(take))

    def step(self) -> list[Spoken | Failed]:
        """Learn the take's voice, or speak its next sentence."""
        if self._in_hand is None:
            return []
        take, speaking = self._in_hand
        try:
            next(speaking)
        except StopIteration as end:
            self._in_hand = None
            return [Spoken(take.id, end.value)]
        except (BadClip, BadOption, Unspeakable) as fault:
            self._in_hand = None
            return [Failed(take.id, str(fault), retry=False)]
        return []

    def close(self) -> None:
        self._in_hand = None

    def _speak(self, take: Take) -> Speaking:
        """Yields between pieces of work; returns the audio."""
        if not has_word(plain(take.text)):
            raise Unspeakable(f"nothing in {take.text[:40]!r} can be spoken; write words")
        likeness = self._likeness(take.voice)
        pieces, length_s = list[Array](), 0.0
        for piece in self._sentences(take, likeness):
            yield
            pieces.append(piece)
            length_s += len(piece) / SAMPLE_RATE
            if length_s > take.limit_s:
                raise Unspeakable(
                    f"longer than {take.limit_s:.1f} s, the limit for this text; split the segment"
                )
        sound = np.concatenate(pieces)
        if not np.abs(sound).max(initial=0.0):
            raise Unspeakable(f"{take.text[:40]!r} came out silent; check its language")
        return set_loudness(sound, likeness.level)

    def _sentences(self, take: Take, likeness: Likeness) -> Iterator[Array]:
        options = read_options(self._options, take.options)
        if is_english(take.language):
            return self._english.speak(take.text, likeness, options, take.seed)
        return foreign.speak(take.text, take.language, take.voice, likeness, options)

    def _likeness(self, voice: Voice) -> Likeness:
        """What is known of a voice; learned at its first take."""

        def learn_now() -> Likeness:
            sounds, is_whole = load(voice.clips)
            can_read = is_whole and is_english(voice.language)
            transcript = self._english.phonemes(voice.transcript) if can_read else []
            return learn(sounds, transcript, self._english.stock, self._english.base)

        return self._cache.get(Likeness, voice.key, learn_now)
