"""The preview engine: one take at a time, a sentence a step."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from fishd.engines.preview import text as texts
from fishd.engines.preview.bands import SAMPLE_RATE
from fishd.engines.preview.base import Base, learn_base
from fishd.engines.preview.cache import Cache
from fishd.engines.preview.convert import Settings, convert
from fishd.engines.preview.frames import Array
from fishd.engines.preview.learn import learn
from fishd.engines.preview.loudness import set_loudness
from fishd.engines.preview.options import Options, read_options
from fishd.engines.preview.reference import load
from fishd.engines.preview.stock import StockVoice
from fishd.engines.preview.tongues import check_language, is_english
from fishd.engines.preview.voice import Likeness
from fishd.engines.protocol import BadClip, BadOption, Failed, Spoken, Take, Voice

REMARK = (
    "This is a preview, not a clone: a stock voice shaped towards each reference's pitch, timbre and pace; "
    "accent, phrasing and emotion stay the stock voice's."
)
Speaking = Generator[None, None, Array]


class Unspeakable(Exception):  # noqa: N818 - reads as what it is
    """The take cannot be spoken, whatever its seed; the message says why."""


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
        self._stock = StockVoice()
        self._base = self._cache.get(Base, "the stock voice", lambda: learn_base(self._stock))
        self._in_hand: tuple[Take, Speaking] | None = None

    def start(self, take: Take) -> None:
        assert self._in_hand is None, "start above capacity"
        self._in_hand = (take, self._speak(take))

    def step(self) -> list[Spoken | Failed]:
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
        options = read_options(self._options, take.options)
        text = texts.plain(take.text)
        if not texts.has_word(text):
            raise Unspeakable(f"nothing in {take.text[:40]!r} can be spoken; write words")
        if fault := check_language(take.language):
            raise Unspeakable(fault)
        if not is_english(take.language):
            raise Unspeakable("not yet")
        phonemes = self._phonemes(text)
        if not phonemes:
            raise Unspeakable(f"nothing in {take.text[:40]!r} can be spoken as English; check its language")
        likeness = self._likeness(take.voice)
        yield
        return (yield from self._speak_english(take, phonemes, likeness, options))

    def _speak_english(
        self, take: Take, phonemes: list[str], likeness: Likeness, options: Options
    ) -> Speaking:
        pace = likeness.pace_kept * options.pace
        shape = replace(likeness, pitch_median=likeness.pitch_median + options.pitch * math.log(2) / 12)
        settings = Settings(blend=options.blend)
        pieces, length_s = list[Array](), 0.0
        for number, sentence in enumerate(phonemes):
            if number:
                yield
            read = self._stock.read(sentence, pace)
            pieces.append(convert(read, shape, self._base, settings).sound((take.seed, number)))
            length_s += len(pieces[-1]) / SAMPLE_RATE
            if length_s > take.limit_s:
                raise Unspeakable(f"longer than {take.limit_s:.1f} s, the limit of this text; split it")
        return set_loudness(np.concatenate(pieces), likeness.level)

    def _phonemes(self, text: str) -> list[str]:
        return [
            piece
            for sentence in self._stock.phonemes(text)
            for piece in texts.split_phonemes(sentence)
            if any(sound.isalpha() for sound in piece)
        ]

    def _likeness(self, voice: Voice) -> Likeness:
        """What is known of a voice; learned at its first take."""

        def learn_now() -> Likeness:
            transcript = self._phonemes(texts.plain(voice.transcript)) if is_english(voice.language) else []
            return learn(load(voice.clips), transcript, self._stock, self._base)

        return self._cache.get(Likeness, voice.key, learn_now)
