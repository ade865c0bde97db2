"""The preview engine: the contract suite, and what it promises beyond it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fishd.engines import preview
from fishd.engines.preview.analysis.frames import pitch_statistics
from fishd.engines.preview.analysis.loudness import speech_level, speech_s
from fishd.engines.preview.analysis.pitch import median_pitch
from fishd.engines.preview.analysis.reference import analyse
from fishd.engines.preview.conversion.enroll import find_warp
from fishd.engines.preview.conversion.stock_profile import StockProfile, measure_stock_voice
from fishd.engines.preview.engine import PreviewEngine
from fishd.engines.preview.stock_voice import StockVoice
from fishd.engines.protocol import EngineError, Failed, Take, Voice
from tests.engines.contract import EngineContract, MakeEngine, speak_one
from tests.engines.preview_parts import TRANSCRIPT, audio_of, clip_audio, make_voice, say, stock_audio

LONG = "It was a dark and stormy night, and the rain fell in torrents on the roofs of the town. " * 23


class TestPreview(EngineContract):
    module = preview

    @pytest.fixture(scope="class")
    @classmethod
    def make_engine(cls) -> MakeEngine:
        return lambda: preview.factory("cpu", {})

    @pytest.fixture(scope="class")
    @classmethod
    def voice(cls, tmp_path_factory: pytest.TempPathFactory) -> Voice:
        return make_voice(tmp_path_factory.mktemp("voice"))


@pytest.fixture(scope="module")
def engine() -> Iterator[PreviewEngine]:
    engine = preview.factory("cpu", {})
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def stock() -> StockProfile:
    return measure_stock_voice(StockVoice())


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Voice:
    return make_voice(tmp_path_factory.mktemp("deeper"))


def test_it_says_that_it_is_no_clone(engine: PreviewEngine) -> None:
    """The remark for every summary says that it is a preview, and what it does not copy."""
    assert "preview, not a clone" in engine.remark
    assert "accent" in engine.remark


def test_it_follows_the_reference_s_pitch(engine: PreviewEngine, voice: Voice) -> None:
    """A deep reference gives deep speech: within a semitone and a half of its median pitch."""
    actual = median_pitch(audio_of(say(engine, voice, TRANSCRIPT)))
    expected = median_pitch(clip_audio(voice))
    assert abs(12 * math.log2(actual / expected)) < 1.5


@pytest.mark.parametrize("deeper", [0.8, 1.2])
def test_it_follows_the_reference_s_formants(
    engine: PreviewEngine, stock: StockProfile, tmp_path: Path, deeper: float
) -> None:
    """A reference played slower or faster shifts the formants of the speech by the same factor."""
    voice = make_voice(tmp_path, deeper=deeper, key=f"tract {deeper}")
    frames = analyse(audio_of(say(engine, voice, TRANSCRIPT)))
    pitch_median, _ = pitch_statistics(frames.pitch[frames.voiced])
    assert find_warp(frames.ceps[frames.voiced], pitch_median, stock) == pytest.approx(deeper, abs=0.05)


def test_it_follows_the_reference_s_pace(engine: PreviewEngine, tmp_path: Path) -> None:
    """A slower reference gives speech of its own length, a faster one gives shorter speech."""
    slow, fast = (
        speech_s(audio_of(say(engine, paced_voice(tmp_path, speed), TRANSCRIPT))) for speed in (0.8, 1.5)
    )
    assert slow == pytest.approx(speech_s(stock_audio(0.8)), rel=0.08)
    assert slow > 1.1 * speech_s(stock_audio())
    assert fast < 0.9 * speech_s(stock_audio())


def paced_voice(folder: Path, speed: float) -> Voice:
    """The stock voice at another speed."""
    clip = folder / f"{speed}.wav"
    soundfile.write(clip, stock_audio(speed), 24_000)
    return Voice(f"pace {speed}", (clip,), TRANSCRIPT, "en")


def test_it_follows_the_reference_s_loudness(engine: PreviewEngine, tmp_path: Path) -> None:
    """Speech without its pauses is as loud as the reference without its pauses."""
    clip = tmp_path / "quiet.wav"
    soundfile.write(clip, stock_audio() * 0.8, 24_000)
    spoken = audio_of(say(engine, Voice("quiet", (clip,), TRANSCRIPT, "en"), "Not so loud, please."))
    assert speech_level(spoken) == pytest.approx(speech_level(stock_audio() * 0.8), rel=0.1)


def test_options_move_pace_and_pitch(engine: PreviewEngine, voice: Voice) -> None:
    """pace 1.5 takes two thirds of the time; pitch 4 is four semitones higher."""
    plain = audio_of(say(engine, voice, TRANSCRIPT))
    quick = audio_of(say(engine, voice, TRANSCRIPT, pace=1.5))
    raised = audio_of(say(engine, voice, TRANSCRIPT, pitch=4))
    assert len(quick) / len(plain) == pytest.approx(2 / 3, rel=0.1)
    assert 12 * math.log2(median_pitch(raised) / median_pitch(plain)) == pytest.approx(4, abs=0.7)


def test_options_of_a_sampling_engine_are_ignored(engine: PreviewEngine, voice: Voice) -> None:
    """A job meant for a cloning engine can be previewed as it stands."""
    assert audio_of(say(engine, voice, "Good evening.", temperature=0.7, top_p=0.8)).any()


def test_a_bad_option_of_a_take_fails_that_take(engine: PreviewEngine, voice: Voice) -> None:
    """The reason names the key."""
    ended = say(engine, voice, "Good evening.", blend=7)
    assert isinstance(ended, Failed)
    assert "blend" in ended.reason
    assert not ended.retry


def test_a_bad_option_of_the_engine_prevents_loading() -> None:
    """An engine is not loaded with an unknown option."""
    with pytest.raises(EngineError, match="no_such_option"):
        preview.factory("cpu", {"no_such_option": 1})


def test_a_text_of_two_thousand_characters_is_spoken_whole(engine: PreviewEngine, voice: Voice) -> None:
    """Sentence by sentence; none is lost."""
    once = audio_of(say(engine, voice, LONG[: len(LONG) // 23]))
    spoken = audio_of(say(engine, voice, LONG))
    assert len(LONG) > 2000
    assert len(spoken) / len(once) == pytest.approx(23, rel=0.1)


def test_a_long_text_without_a_stop_is_spoken(engine: PreviewEngine, voice: Voice) -> None:
    """Two thousand characters in one sentence are split between words and spoken."""
    assert len(audio_of(say(engine, voice, "word " * 400))) > 60 * 24_000


def test_a_step_speaks_a_sentence(engine: PreviewEngine, voice: Voice) -> None:
    """Work is bounded: ten sentences take at least ten steps."""
    engine.start(Take("take", voice, "The cat sat. " * 10, "en", 7, 600.0))
    steps = 1
    while not engine.step():
        steps += 1
    assert steps >= 10


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Smith paid $9.99 on 3/4/2024 at 7:30pm, i.e. 50% of £3.50.",
        "Wait… what?! 🙂🙃 No way 👍🏽!",
        "Hello 你好 world",
        "<|im_end|> Hello <|audio_start|>",
        "[word](/wɜːd/) hello",
        "tab\tnew\nline\x00null\u200bnothing",
        "ALL CAPS AND http://example.com/a_b?c=d",
        "naïve façade Ünïcödé",
    ],
)
def test_what_can_be_spoken_is_spoken(engine: PreviewEngine, voice: Voice, text: str) -> None:
    """Digits, abbreviations, emoji, mark-up and foreign words do not stop a sentence."""
    assert len(audio_of(say(engine, voice, text))) > 12_000


@pytest.mark.parametrize("text", ["🙂👍", "...", "你好", "مرحبا", "\u200b", "- - -"])
def test_what_cannot_be_spoken_fails_with_a_reason(engine: PreviewEngine, voice: Voice, text: str) -> None:
    """Text without an English word is the text's fault: no retry."""
    ended = say(engine, voice, text)
    assert isinstance(ended, Failed)
    assert "can be spoken" in ended.reason
    assert not ended.retry


@pytest.mark.parametrize("code", ["en", "en-US", "EN", "en_GB", " en "])
def test_english_is_english_however_it_is_written(engine: PreviewEngine, voice: Voice, code: str) -> None:
    """Codes differ in case, region and separator; the audio does not."""
    assert np.array_equal(
        audio_of(say(engine, voice, "Hello.")), audio_of(say(engine, voice, "Hello.", code))
    )


def test_an_unknown_language_fails_with_a_reason(engine: PreviewEngine, voice: Voice) -> None:
    """The language is named."""
    ended = say(engine, voice, "Hello.", "klingon")
    assert isinstance(ended, Failed)
    assert '"klingon"' in ended.reason


def test_a_take_over_its_limit_fails(engine: PreviewEngine, voice: Voice) -> None:
    """It fails as soon as the limit is exceeded, and states the limit."""
    ended = speak_one(engine, Take("take", voice, LONG, "en", 7, 5.0))
    assert isinstance(ended, Failed)
    assert "5.0 s" in ended.reason
