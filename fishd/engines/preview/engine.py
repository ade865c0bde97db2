"""The preview engine: one take at a time, one sentence per step."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

import numpy as np

from fishd.engines.preview import other_languages
from fishd.engines.preview.analysis.loudness import set_level
from fishd.engines.preview.analysis.mel_bands import SAMPLE_RATE, Array
from fishd.engines.preview.analysis.reference import load_clips
from fishd.engines.preview.cache import Cache
from fishd.engines.preview.conversion.enroll import enroll
from fishd.engines.preview.conversion.stock_profile import StockProfile, measure_stock_voice
from fishd.engines.preview.conversion.voice_profile import VoiceProfile
from fishd.engines.preview.english import English
from fishd.engines.preview.languages import is_english
from fishd.engines.preview.options import read_options
from fishd.engines.preview.stock_voice import StockVoice
from fishd.engines.preview.text import UnspeakableText, clean, has_word
from fishd.engines.protocol import BadClip, BadOption, Failed, Spoken, Take, Voice

REMARK = (
    "This is a preview, not a clone: a stock voice shaped towards each reference's pitch, timbre and pace; "
    "accent, phrasing and emotion stay the stock voice's."
)
TakeSteps = Generator[None, None, Array]


class PreviewEngine:
    """See fishd.engines.protocol. English is hibari's, converted; other languages are espeak-ng's."""

    sample_rate = SAMPLE_RATE
    capacity = 1
    name = "preview"
    remark = REMARK
    notes = ("preview engine on the CPU: one take at a time, one core",)

    def __init__(self, options: Mapping[str, object]) -> None:
        self._options = options
        folder = str(options.get("cache_dir") or "")
        self._cache = Cache(Path(folder) if folder else None)
        voice = StockVoice()
        profile = self._cache.get(StockProfile, "the stock voice", lambda: measure_stock_voice(voice))
        self._english = English(voice, profile)
        self._current: tuple[Take, TakeSteps] | None = None

    def start(self, take: Take) -> None:
        assert self._current is None, "start above capacity"
        self._current = (take, self._speak(take))

    def step(self) -> list[Spoken | Failed]:
        """Enrol the take's voice, or speak its next sentence."""
        if self._current is None:
            return []
        take, steps = self._current
        try:
            next(steps)
        except StopIteration as end:
            self._current = None
            return [Spoken(take.id, end.value)]
        except (BadClip, BadOption, UnspeakableText) as fault:
            self._current = None
            return [Failed(take.id, str(fault), retry=False)]
        return []

    def close(self) -> None:
        self._current = None

    def _speak(self, take: Take) -> TakeSteps:
        """Yields between bounded pieces of work and returns the audio."""
        if not has_word(clean(take.text)):
            raise UnspeakableText(f"nothing in {take.text[:40]!r} can be spoken; write words")
        profile = self._profile(take.voice)
        pieces, length_s = list[Array](), 0.0
        for piece in self._sentences(take, profile):
            yield
            pieces.append(piece)
            length_s += len(piece) / SAMPLE_RATE
            if length_s > take.limit_s:
                raise UnspeakableText(
                    f"longer than {take.limit_s:.1f} s, the limit for this text; split the segment"
                )
        audio = np.concatenate(pieces)
        if not np.abs(audio).max(initial=0.0):
            raise UnspeakableText(f"the audio for {take.text[:40]!r} is silent; check its language")
        return set_level(audio, profile.level)

    def _sentences(self, take: Take, profile: VoiceProfile) -> Iterator[Array]:
        options = read_options(self._options, take.options)
        if is_english(take.language):
            return self._english.speak(take.text, profile, options, take.seed)
        return other_languages.speak(take.text, take.language, take.voice, profile, options)

    def _profile(self, voice: Voice) -> VoiceProfile:
        """The voice's profile, enrolled at its first take."""

        def enroll_now() -> VoiceProfile:
            clips, is_whole = load_clips(voice.clips)
            can_read = is_whole and is_english(voice.language)
            transcript = self._english.phonemes(voice.transcript) if can_read else []
            return enroll(clips, transcript, self._english.voice, self._english.profile)

        return self._cache.get(VoiceProfile, voice.key, enroll_now)
