"""The openai engine: the contract suite with each API, and what it sends and makes of the audio."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fishd.engines import openai
from fishd.engines.protocol import Failed, Spoken, Voice
from tests.engines.contract import EngineContract, MakeEngine, speak, speak_one
from tests.engines.openai_parts import PROXIES, TRANSCRIPT, engine_for, make_voice, take
from tests.engines.speech_server import (
    LIMIT_S,
    MODEL,
    Handler,
    SpeechServer,
    audio_file,
    content,
    never,
    serving,
    speech,
    tone,
)


@pytest.fixture(autouse=True, scope="module")
def no_proxies() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in PROXIES:
            patch.delenv(name, raising=False)
            patch.delenv(name.lower(), raising=False)
        yield


class OpenAIContract(EngineContract):
    module = openai
    api: str

    @pytest.fixture(scope="class")
    @classmethod
    def make_engine(cls) -> Iterator[MakeEngine]:
        with serving(SpeechServer(api=cls.api)) as server:
            yield lambda: openai.factory("cpu", {"base_url": server.url, "api": cls.api, "concurrency": 3})

    @pytest.fixture(scope="class")
    @classmethod
    def voice(cls, tmp_path_factory: pytest.TempPathFactory) -> Voice:
        return make_voice(tmp_path_factory.mktemp("voice"))


class TestOpenAI(OpenAIContract):
    api = "openai"


class TestFish(OpenAIContract):
    api = "fish"


@pytest.fixture
def server() -> Iterator[SpeechServer]:
    with serving() as server:
        yield server


@pytest.fixture
def voice(tmp_path: Path) -> Voice:
    return make_voice(tmp_path)


def spoken(end: Spoken | Failed) -> np.ndarray:
    assert isinstance(end, Spoken), end
    return end.audio


def read(wav: bytes) -> tuple[np.ndarray, int]:
    return soundfile.read(io.BytesIO(wav), dtype="float32")


# ---- requests ---------------------------------------------------------------------------------------------


def test_a_request_has_the_fields_of_the_openai_api(server: SpeechServer, voice: Voice) -> None:
    """Text, model, seed, transcript, and the clip as a data URL of a WAV file."""
    with engine_for(server, temperature=0.5, extra={"task_type": "Base"}) as engine:
        options = {"temperature": 0.9, "top_k": 20}
        spoken(speak_one(engine, take(voice, seed=2**40 + 5, options=options)))
    (seen,) = server.speeches()
    head, _, data = seen.body.pop("ref_audio").partition(",")

    assert "/v1/audio/speech" == seen.path
    assert {
        "model": MODEL,
        "voice": "default",
        "input": "Good evening.",
        "response_format": "wav",
        "seed": 5,
        "ref_text": TRANSCRIPT,
        "temperature": 0.9,
        "top_k": 20,
        "task_type": "Base",
    } == seen.body
    assert "data:audio/wav;base64" == head
    audio, rate = read(base64.b64decode(data))
    assert 16_000 == rate
    assert np.allclose(tone(1.5, rate=rate), audio, atol=1e-3)


def test_a_request_has_the_fields_of_fish_speechs_api(server: SpeechServer, voice: Voice) -> None:
    """In msgpack, with the clip's bytes, and as many tokens as the limit and a second more need."""
    with engine_for(server, api="fish", top_p=0.7) as engine:
        spoken(speak_one(engine, take(voice, limit_s=9.0)))
    (seen,) = server.speeches()
    (reference,) = seen.body.pop("references")

    assert ("/v1/tts", "application/msgpack") == (seen.path, seen.headers["content-type"])
    assert {
        "text": "Good evening.",
        "format": "wav",
        "streaming": False,
        "seed": 7,
        "use_memory_cache": "on",
        "max_new_tokens": 216,
        "top_p": 0.7,
    } == seen.body
    assert TRANSCRIPT == reference["text"]
    assert 16_000 == read(reference["audio"])[1]


def test_several_clips_are_joined(server: SpeechServer, tmp_path: Path) -> None:
    """In their order, as the transcript is that of all of them."""
    first, second = tone(1.0, 200, 16_000), tone(1.5, 300, 16_000)
    with engine_for(server, api="fish") as engine:
        spoken(speak_one(engine, take(make_voice(tmp_path, first, second))))
    audio, _ = read(server.speeches()[0].body["references"][0]["audio"])
    assert np.allclose(np.concatenate([first, second]), audio, atol=1e-3)


def test_clips_of_other_formats_are_sent_as_wav(server: SpeechServer, tmp_path: Path) -> None:
    """A server need not read FLAC; stereo becomes mono."""
    stereo = np.stack([tone(1.0, rate=48_000)] * 2, axis=1)
    with engine_for(server, api="fish") as engine:
        spoken(speak_one(engine, take(make_voice(tmp_path, stereo, rate=48_000, kind="flac"))))
    audio, rate = read(server.speeches()[0].body["references"][0]["audio"])
    assert (48_000, 1, 48_000) == (rate, audio.ndim, len(audio))


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
def test_the_address_may_end_in_v1(server: SpeechServer, voice: Voice, path: str) -> None:
    """As OpenAI's clients write it, or as a browser does."""
    with engine_for(server, base_url=server.url + path) as engine:
        spoken(speak_one(engine, take(voice)))
    assert ["/v1/models", "/v1/audio/speech"] == [seen.path for seen in server.seen]


def test_requests_are_at_the_server_together(server: SpeechServer, voice: Voice) -> None:
    """As many as `concurrency`: each of four is answered only when all four have arrived."""
    together = threading.Barrier(4)

    def answer(handler: Handler) -> None:
        together.wait(LIMIT_S)
        handler.send(200, audio_file(tone(0.5)))

    server.answers.extend([answer] * 4)
    with engine_for(server, concurrency=4) as engine:
        ends = speak(engine, [take(voice, number=n) for n in range(4)])
    assert 4 == len([end for end in ends if isinstance(end, Spoken)])


def test_a_dropped_take_frees_its_slot_and_its_connection(server: SpeechServer, voice: Voice) -> None:
    """The server sees the client hang up; another take is spoken in its place."""
    server.answers.append(never)
    with engine_for(server, concurrency=1) as engine:
        engine.start(take(voice))
        while not server.speeches():
            assert [] == engine.step()
        engine.drop("take-0")
        assert server.hung_up.wait(LIMIT_S)
        (end,) = speak(engine, [take(voice, number=1)])
    assert "take-1" == end.take_id
    spoken(end)


def test_closing_ends_what_is_in_flight(server: SpeechServer, voice: Voice) -> None:
    """The connections are closed."""
    server.answers.append(never)
    with engine_for(server) as engine:
        engine.start(take(voice))
        while not server.speeches():
            engine.step()
    assert server.hung_up.wait(LIMIT_S)


# ---- audio ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "subtype", "rate"),
    [
        ("WAV", "PCM_16", 44_100),
        ("WAV", "FLOAT", 24_000),
        ("WAV", "PCM_U8", 8_000),
        ("FLAC", "PCM_24", 96_000),
        ("OGG", "VORBIS", 24_000),
        ("OGG", "OPUS", 48_000),
        ("MP3", None, 32_000),
    ],
)
def test_audio_of_any_format_and_rate_becomes_the_engines(
    server: SpeechServer, voice: Voice, kind: str, subtype: str | None, rate: int
) -> None:
    """A second of 220 Hz stays a second of 220 Hz at 44.1 kHz."""
    server.answers.append(content(audio_file(tone(1.0, rate=rate), rate, kind, subtype)))
    with engine_for(server) as engine:
        audio = spoken(speak_one(engine, take(voice)))
    spectrum = np.abs(np.fft.rfft(audio[:44_100], 44_100))

    assert (np.float32, 1) == (audio.dtype, audio.ndim)
    assert len(audio) / 44_100 == pytest.approx(1.0, abs=0.06)
    assert np.argmax(spectrum) == pytest.approx(220, abs=2)


def test_stereo_becomes_mono_and_loud_audio_is_scaled(server: SpeechServer, voice: Voice) -> None:
    """Float samples above 1 are no longer above 1, and their shape is kept."""
    loud = np.stack([tone(1.0, level=3.0)] * 2, axis=1)
    server.answers.append(content(audio_file(loud, subtype="FLOAT")))
    with engine_for(server) as engine:
        audio = spoken(speak_one(engine, take(voice)))
    assert np.allclose(tone(1.0, level=1.0), audio, atol=1e-3)


def test_the_sample_rate_is_an_option(server: SpeechServer, voice: Voice) -> None:
    """A model of 24 kHz need not be written at 44.1 kHz."""
    server.answers.append(content(audio_file(tone(1.0, rate=24_000), 24_000)))
    with engine_for(server, sample_rate=24_000) as engine:
        assert 24_000 == engine.sample_rate
        assert 24_000 == len(spoken(speak_one(engine, take(voice))))


def test_the_voice_and_the_seed_determine_the_audio(server: SpeechServer, tmp_path: Path) -> None:
    """Another seed or another clip gives other audio."""
    with ExitStack() as stack:
        engine = stack.enter_context(engine_for(server, api="fish"))
        (tmp_path / "other").mkdir()
        voice, other = make_voice(tmp_path), make_voice(tmp_path / "other", tone(1.2, 300, 16_000))
        plain = spoken(speak_one(engine, take(voice)))
        reseeded = spoken(speak_one(engine, take(voice, seed=8)))
        revoiced = spoken(speak_one(engine, take(other)))
    reference = server.speeches()[0].body["references"][0]["audio"]

    assert np.array_equal(read(speech("Good evening.", 7, reference))[0], plain)
    assert not np.array_equal(plain, reseeded)
    assert not np.array_equal(plain, revoiced)
