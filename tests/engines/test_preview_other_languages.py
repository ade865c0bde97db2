"""Languages other than English, with the `languages` extra installed."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fishd.engines import preview
from fishd.engines.preview import espeak
from fishd.engines.preview.analysis.loudness import speech_s
from fishd.engines.preview.analysis.pitch import median_pitch
from fishd.engines.preview.engine import PreviewEngine
from fishd.engines.preview.languages import SUPPORTED
from fishd.engines.protocol import Failed, Voice
from tests.engines.preview_parts import audio_of, clip_audio, make_voice, say

pytest.importorskip("espeakng_loader", reason="the languages extra is not installed")

GERMAN = "Guten Abend, meine Damen und Herren. Schön, dass Sie da sind!"


@pytest.fixture(scope="module")
def engine() -> Iterator[PreviewEngine]:
    engine = preview.factory("cpu", {})
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Voice:
    return make_voice(tmp_path_factory.mktemp("voice"))


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de-DE", GERMAN),
        ("zh", "你好，欢迎来到这里。今天天气很好！"),
        ("ja", "こんにちは、せかい。"),
        ("es", "Buenas tardes a todos."),
        ("ru", "Добрый вечер, дамы и господа."),
        ("ko", "안녕하세요 여러분."),
    ],
)
def test_other_languages_are_spoken_at_the_reference_s_pitch(
    engine: PreviewEngine, voice: Voice, language: str, text: str
) -> None:
    """Within a semitone and a half of the reference's median."""
    audio = audio_of(say(engine, voice, text, language))
    assert speech_s(audio) > 0.6
    assert abs(12 * math.log2(median_pitch(audio) / median_pitch(clip_audio(voice)))) < 1.5


def test_earlier_takes_do_not_change_later_ones(engine: PreviewEngine, voice: Voice) -> None:
    """The library keeps no state between sentences: the same take gives the same audio."""
    first = audio_of(say(engine, voice, GERMAN, "de"))
    say(engine, voice, "Etwas ganz anderes.", "de")
    assert np.array_equal(first, audio_of(say(engine, voice, GERMAN, "de")))


def test_a_take_sounds_the_same_at_any_time_of_day(engine: PreviewEngine, tmp_path: Path) -> None:
    """A high reference gets a breathy espeak-ng voice; its noise does not depend on the clock."""
    high = make_voice(tmp_path, deeper=1.1)
    second = int(time.time())
    first = audio_of(say(engine, high, GERMAN, "de"))
    while int(time.time()) == second:
        say(engine, high, "Guten Abend.", "de")
    assert np.array_equal(first, audio_of(say(engine, high, GERMAN, "de")))


def test_japanese_in_kanji_fails_with_a_reason(engine: PreviewEngine, voice: Voice) -> None:
    """The reason names kana and the character that is not."""
    ended = say(engine, voice, "日本語です", "ja")
    assert isinstance(ended, Failed)
    assert "kana" in ended.reason
    assert "日" in ended.reason
    assert not ended.retry


def test_a_slow_reader_is_followed(engine: PreviewEngine, voice: Voice) -> None:
    """With a transcript in the same language, the pace is the reference's."""
    slow = Voice("slow", voice.clips, "Guten Abend.", "de")
    quick = Voice("quick", voice.clips, GERMAN * 3, "de")
    lasts = [speech_s(audio_of(say(engine, who, GERMAN, "de"))) for who in (slow, quick)]
    assert lasts[0] > 1.4 * lasts[1]


def test_every_supported_language_has_a_voice() -> None:
    """espeak-ng has a voice for each code that check_language accepts."""
    with espeak.open_library() as (library, _):
        unknown = [code for code in sorted(SUPPORTED) if library.espeak_SetVoiceByName(code.encode()) != 0]
    assert [] == unknown
