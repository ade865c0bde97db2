"""The openai engine and a server that is busy, broken, slow, wrong, or refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fishd.engines.openai.faults import message_of, read_retry_after
from fishd.engines.openai.retries import Backoff
from fishd.engines.protocol import EngineError, Failed, Spoken, Voice
from tests.engines.contract import speak, speak_one
from tests.engines.openai_parts import PROXIES, engine_for, make_voice, take
from tests.engines.speech_server import (
    LIMIT_S,
    Answer,
    SpeechServer,
    audio_file,
    content,
    cut,
    cut_without_length,
    endless,
    hang_up,
    never,
    serving,
    slow,
    status,
    tone,
)

NOON = 1_793_102_400.0  # Tue, 27 Oct 2026 12:00:00 GMT


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server() -> Iterator[SpeechServer]:
    with serving() as server:
        yield server


@pytest.fixture
def voice(tmp_path: Path) -> Voice:
    return make_voice(tmp_path)


def failed(end: Spoken | Failed) -> Failed:
    assert isinstance(end, Failed), end
    return end


# ---- transient faults -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        status(408),
        status(429),
        status(429, Retry_After="0"),
        status(500),
        status(502),
        status(503),
        status(504),
        status(529),
        content(b"<html>Bad Gateway</html>", "text/html", 502),
        cut,
        cut_without_length,
        hang_up,
    ],
    ids=lambda answer: getattr(answer, "__name__", "status"),
)
def test_a_transient_fault_is_retried(server: SpeechServer, voice: Voice, answer: Answer) -> None:
    """Twice the fault, then the answer: the take is spoken, with the same request each time."""
    server.answers.extend([answer, answer])
    with engine_for(server) as engine:
        assert isinstance(speak_one(engine, take(voice)), Spoken)
    bodies = [seen.body for seen in server.speeches()]
    assert [bodies[0]] * 3 == bodies


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            status(503),
            "/v1/audio/speech answered 503 Service Unavailable: overloaded; gave up after 1 attempt",
        ),
        (status(599), "/v1/audio/speech answered 599: overloaded; gave up"),
        (content(b"", code=500), "/v1/audio/speech answered 500 Internal Server Error; gave up"),
        (cut, " broke: peer closed connection without sending complete message body"),
        (cut_without_length, "the server's audio is cut; gave up"),
        (hang_up, " broke: Server disconnected"),
        (slow, "/v1/audio/speech gave no answer in 0.2 s; gave up"),
        (never, "/v1/audio/speech gave no answer in 0.2 s; gave up"),
    ],
)
def test_a_fault_that_lasts_fails_the_take(
    server: SpeechServer, voice: Voice, answer: Answer, reason: str
) -> None:
    """With what happened last; a later take may succeed."""
    server.answers.append(answer)
    with engine_for(server, retry_s=0, timeout_s=0.2) as engine:
        end = failed(speak_one(engine, take(voice)))
    assert reason in end.reason
    assert end.retry


def test_retries_end_after_retry_s(server: SpeechServer, voice: Voice) -> None:
    """Several attempts in 0.05 s, and no more."""
    server.answers.extend([status(503)] * 1000)
    with engine_for(server, retry_s=0.05) as engine:
        end = failed(speak_one(engine, take(voice)))
    assert 2 <= len(server.speeches()) < 1000
    assert f"gave up after {len(server.speeches())} attempt(s), engine.options.retry_s = 0.05" in end.reason


def test_a_server_that_asks_for_a_long_pause_is_not_waited_for(server: SpeechServer, voice: Voice) -> None:
    """Nor asked again before the pause is over."""
    server.answers.append(status(429, Retry_After="3600"))
    with engine_for(server) as engine:
        end = failed(speak_one(engine, take(voice)))
    assert 1 == len(server.speeches())
    assert "; it asks to wait 3600 s, more than engine.options.retry_s = 60" in end.reason
    assert end.retry


def test_one_take_waits_while_others_are_spoken(server: SpeechServer, voice: Voice) -> None:
    """A slot that never answers holds up nobody else."""
    server.answers.append(never)
    with engine_for(server, concurrency=2) as engine:
        engine.start(take(voice, number=9))
        while not server.speeches():
            engine.step()
        engine.start(take(voice))
        while not (ends := engine.step()):
            pass
        assert ["take-0"] == [end.take_id for end in ends]


def test_pauses_grow_are_jittered_and_bounded() -> None:
    """Between half of the exponential pause and all of it."""
    least, most = Backoff(draw=lambda: 0.0), Backoff(draw=lambda: 1.0)
    assert [0.25, 0.5, 1.0, 2.0, 4.0, 7.5, 7.5] == [least.pause_s(n, None) for n in range(7)]
    assert [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0] == [most.pause_s(n, None) for n in range(7)]


def test_a_pause_is_never_shorter_than_the_server_asks() -> None:
    """A little longer, so that not all slots return in the same moment."""
    assert (20.0, 20.5) == (
        Backoff(draw=lambda: 0.0).pause_s(0, 20.0),
        Backoff(draw=lambda: 1.0).pause_s(0, 20.0),
    )


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Tue, 27 Oct 2026 12:00:30 GMT", 30.0),
        ("Tue, 27 Oct 2026 11:00:00 GMT", 0.0),
        ("", None),
        ("-1", None),
        ("soon", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, expected: float | None) -> None:
    """Anything else counts as absent."""
    assert expected == read_retry_after(header, NOON)


# ---- refusals and wrong answers ---------------------------------------------------------------------------


@pytest.mark.parametrize("code", [400, 413, 415, 422])
def test_a_refused_text_fails_without_a_retry(server: SpeechServer, voice: Voice, code: int) -> None:
    """With the server's message; no seed can help."""
    server.answers.append(status(code, "Input text is too long"))
    with engine_for(server) as engine:
        end = failed(speak_one(engine, take(voice)))
    assert 1 == len(server.speeches())
    assert end.reason.endswith(": Input text is too long")
    assert not end.retry


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the server answered 200 with 0 bytes that are not audio"),
        (b"\x00\x01" * 500, "the server answered 200 with 1000 bytes that are not audio"),
        (
            b'{"error": {"message": "The model `x` does not exist."}}',
            "the server answered 200 with 55 bytes that are not audio: The model `x` does not exist.",
        ),
        (
            audio_file(np.zeros((1000, 9), np.float32)),
            "the server answered 200 with 18044 bytes that are not audio",
        ),
        (audio_file(tone(0.5))[:20], "the server's audio is cut"),
        (audio_file(tone(11.0)), "the audio is longer than 10.0 s, the limit for this text"),
        (audio_file(tone(11.0), kind="FLAC"), "the audio is longer than 10.0 s, the limit for this text"),
    ],
)
def test_wrong_audio_fails_the_take(server: SpeechServer, voice: Voice, body: bytes, reason: str) -> None:
    """Another seed may do better."""
    server.answers.append(content(body))
    with engine_for(server, retry_s=0) as engine:
        end = failed(speak_one(engine, take(voice)))
    assert end.reason.startswith(reason)
    assert end.retry


def test_an_endless_body_is_not_read_to_its_end(server: SpeechServer, voice: Voice) -> None:
    """The connection is closed at a limit, whatever is in it."""
    server.answers.append(endless)
    with engine_for(server) as engine:
        end = failed(speak_one(engine, take(voice, limit_s=1.0)))
        assert server.hung_up.wait(LIMIT_S)
    assert "the audio is longer than 1.0 s, the limit for this text" == end.reason


def test_audio_that_expands_is_not_decoded_to_its_end(server: SpeechServer, voice: Voice) -> None:
    """Ten minutes of silence are a small FLAC file."""
    server.answers.append(content(audio_file(np.zeros(44_100 * 600, np.float32), kind="FLAC")))
    with engine_for(server) as engine:
        end = failed(speak_one(engine, take(voice)))
    assert "the audio is longer than 10.0 s, the limit for this text" == end.reason


@pytest.mark.parametrize(
    ("code", "what"), [(401, "the key"), (403, "the key"), (404, "base_url, api and model")]
)
def test_a_fault_of_the_configuration_ends_the_worker(
    server: SpeechServer, voice: Voice, code: int, what: str
) -> None:
    """No line fails for a key that has expired: the engine raises, with the fix."""
    server.answers.append(status(code, "no"))
    with engine_for(server) as engine, pytest.raises(EngineError, match=f"{code} .*: no; check {what}"):
        speak(engine, [take(voice)])


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(server: SpeechServer, voice: Voice, code: int) -> None:
    """The other host gets no request, and so no key."""
    with serving() as other:
        server.answers.append(status(code, "moved", Location=f"{other.url}/v1/audio/speech?secret"))
        message = "a redirect to http://127.0.0.1; redirects are not followed: correct base_url"
        with engine_for(server) as engine, pytest.raises(EngineError, match=message):
            speak(engine, [take(voice)])
        assert [] == other.seen


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "too long", "code": 400}}, "too long"),
        ({"object": "error", "message": "too\nlong"}, "too long"),
        ({"statusCode": 500, "message": "no audio", "error": "Internal Server Error"}, "no audio"),
        ({"detail": "Not Found"}, "Not Found"),
        (
            {"detail": [{"loc": ["body", "input"], "msg": "Field required", "input": "…"}]},
            "body.input: Field required",
        ),
        ({"error": "bad"}, "bad"),
        ({"other": 1}, ""),
        ("just text", "just text"),
    ],
)
def test_the_servers_message_is_found(body: object, message: str) -> None:
    """In the shapes of OpenAI, vLLM, fish-speech and FastAPI, in one line."""
    assert message == message_of(json.dumps(body).encode())


def test_a_message_that_is_not_json_is_shown_in_one_line() -> None:
    """A proxy's page, with what is printable."""
    assert "<html> <h1> 502" == message_of(b"<html>\r\n<h1>\x1b502")
