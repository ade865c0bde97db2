"""Other languages: espeak-ng reads, at the reference's pitch and pace."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from fishd.engines.preview import espeak
from fishd.engines.preview.analysis.loudness import speech_s
from fishd.engines.preview.analysis.mel_bands import Array
from fishd.engines.preview.conversion.voice import Likeness, keep_pace
from fishd.engines.preview.languages import check_language, tongue_of
from fishd.engines.preview.options import Options
from fishd.engines.preview.text import Unspeakable, plain
from fishd.engines.protocol import Voice

JAPANESE = "ja"
KANJI = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])\s*|\n+")
TRIED_CHARACTERS = 120  # of the text, to find the pitch with


def speak(text: str, language: str, voice: Voice, likeness: Likeness, options: Options) -> Iterator[Array]:
    """The text's sentences, each as sound. Raises Unspeakable, EngineError if espeak does not start."""
    if fault := check_language(language):
        raise Unspeakable(fault)
    tongue, text = tongue_of(language), plain(text)
    if tongue == JAPANESE and (kanji := KANJI.search(text)):
        raise Unspeakable(
            f"Japanese can be read from kana only, and {kanji[0]} is not; write it as it is said"
        )
    pitch_hz = math.exp(likeness.pitch_median) * 2 ** (options.pitch / 12)
    pace = pace_of(voice, tongue, likeness) * options.pace
    manner = espeak.find_manner(text[:TRIED_CHARACTERS], tongue, pitch_hz, pace)
    for sentence in SENTENCE_END.split(text):
        if any(character.isalnum() for character in sentence):
            yield espeak.read(sentence, manner)


def pace_of(voice: Voice, tongue: str, likeness: Likeness) -> float:
    """The reference's pace: against espeak's reading of the transcript where it is of the same language."""
    if tongue_of(voice.language) != tongue or not voice.transcript.strip():
        return likeness.pace_kept
    return keep_pace(
        speech_s(espeak.read(plain(voice.transcript), espeak.Manner(tongue))) / likeness.speech_s
    )
