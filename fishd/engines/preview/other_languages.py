"""Languages other than English: espeak-ng reads them at the reference's pitch and pace.

Only pitch, rate and loudness follow the reference: converting espeak's spectra makes it hard to understand.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from fishd.engines.preview.analysis.loudness import speech_s
from fishd.engines.preview.analysis.mel_bands import Array
from fishd.engines.preview.analysis.pitch import median_pitch
from fishd.engines.preview.conversion.voice_profile import VoiceProfile, clamp_pace
from fishd.engines.preview.espeak import DEFAULT_RATE, MAX_PITCH, EspeakVoice, synthesise
from fishd.engines.preview.languages import check_language, espeak_code
from fishd.engines.preview.options import Options
from fishd.engines.preview.text import UnspeakableText, clean, has_word
from fishd.engines.protocol import Voice

JAPANESE = "ja"
KANJI = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])\s*|\n+")
SAMPLE_CHARACTERS = 120  # of the text, read to fit the pitch
HIGH_VOICE_HZ = 160.0  # from here on espeak's female variant is nearer
RATES = (80, 450)  # words a minute
PITCH_STEPS = 6  # halvings of the pitch range


def speak(
    text: str, language: str, voice: Voice, reference: VoiceProfile, options: Options
) -> Iterator[Array]:
    """The text's sentences as audio, one by one.

    Raises UnspeakableText, and EngineError if espeak-ng does not start.
    """
    if fault := check_language(language):
        raise UnspeakableText(fault)
    code, text = espeak_code(language), clean(text)
    if code == JAPANESE and (kanji := KANJI.search(text)):
        raise UnspeakableText(f"espeak-ng reads Japanese from kana only; write {kanji[0]!r} in kana")
    pitch_hz = math.exp(reference.pitch_median) * 2 ** (options.pitch / 12)
    pace = reference_pace(voice, code, reference) * options.pace
    espeak_voice = fit_voice(text[:SAMPLE_CHARACTERS], code, pitch_hz, pace)
    for sentence in SENTENCE_END.split(text):
        if has_word(sentence):
            yield synthesise(sentence, espeak_voice)


def reference_pace(voice: Voice, code: str, reference: VoiceProfile) -> float:
    """The reference's pace, relative to espeak's reading of a transcript in the same language."""
    if espeak_code(voice.language) != code or not voice.transcript.strip():
        return reference.speaking_pace
    transcript_s = speech_s(synthesise(clean(voice.transcript), EspeakVoice(code)))
    return clamp_pace(transcript_s / reference.speech_s)


def fit_voice(text: str, code: str, pitch_hz: float, pace: float) -> EspeakVoice:
    """The voice whose median pitch over this text is nearest to `pitch_hz`."""
    name = f"{code}+f3" if pitch_hz > HIGH_VOICE_HZ else code
    rate = round(min(max(DEFAULT_RATE * pace, RATES[0]), RATES[1]))
    low, high = 0, MAX_PITCH
    for _ in range(PITCH_STEPS):
        middle = (low + high) // 2
        is_lower = median_pitch(synthesise(text, EspeakVoice(name, rate, middle))) < pitch_hz
        low, high = (middle, high) if is_lower else (low, middle)
    return EspeakVoice(name, rate, (low + high) // 2)
