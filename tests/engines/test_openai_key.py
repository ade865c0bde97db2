"""The openai engine's key: read from its file, sent to the server, and shown nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fishd.engines.openai.api_key import ApiKey, read_key
from fishd.engines.protocol import BadOption, Failed, Spoken
from tests.engines.contract import speak_one
from tests.engines.openai_parts import KEY, PROXIES, engine_for, fault_at_start, key_file, make_voice, take
from tests.engines.speech_server import MODEL, SpeechServer, content, serving, status


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server() -> Iterator[SpeechServer]:
    with serving() as server:
        yield server


def test_the_key_is_sent_and_its_file_may_end_in_a_newline(server: SpeechServer, tmp_path: Path) -> None:
    """At start and with every request for speech."""
    server.key = KEY
    with engine_for(server, api_key_file=str(key_file(tmp_path))) as engine:
        assert isinstance(speak_one(engine, take(make_voice(tmp_path))), Spoken)
    assert [f"Bearer {KEY}"] * 2 == [seen.headers["authorization"] for seen in server.seen]


def test_without_a_key_none_is_sent(server: SpeechServer) -> None:
    """No Authorization header at all."""
    with engine_for(server):
        pass
    assert "authorization" not in server.seen[0].headers


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"two lines\n", b"a\nb", "schlüssel".encode(), b"\xff", b"k" * 5000]
)
def test_a_file_without_a_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """Its content is not repeated."""
    path = key_file(tmp_path, content)
    with pytest.raises(BadOption) as raised:
        read_key(str(path))
    what = "must hold the key alone, in one line of ASCII without spaces"
    assert f"engine.options.api_key_file: {path}: {what}" == str(raised.value)


def test_a_missing_key_file_is_refused(tmp_path: Path) -> None:
    """With the reason."""
    path = tmp_path / "none"
    with pytest.raises(BadOption, match=f"{path}: cannot be read: No such file or directory"):
        read_key(str(path))


@pytest.mark.parametrize("api", ["openai", "fish"])
def test_a_wrong_key_is_a_fault_at_start(server: SpeechServer, tmp_path: Path, api: str) -> None:
    """With the fix, and without the key."""
    server.key = "another"
    fault = fault_at_start(server, api=api, api_key_file=str(key_file(tmp_path)))
    assert fault.endswith(
        "answered 401 Unauthorized: Invalid token; check the key in the file that api_key_file names"
    )
    assert KEY not in fault


def test_a_key_that_the_server_repeats_is_redacted(server: SpeechServer, tmp_path: Path) -> None:
    """Some servers quote a wrong key in their message."""
    server.first_answers.append(status(401, f"Incorrect API key provided: {KEY}."))
    fault = fault_at_start(server, api_key_file=str(key_file(tmp_path)))
    assert "401 Unauthorized: Incorrect API key provided: [key].; check" in fault


@pytest.mark.parametrize("before", [0, 290, 300])
def test_a_part_of_the_key_is_redacted_too(server: SpeechServer, tmp_path: Path, before: int) -> None:
    """A long message is cut, though never in the middle of the key."""
    server.first_answers.append(status(401, "x" * before + KEY + "x" * 100))
    fault = fault_at_start(server, api_key_file=str(key_file(tmp_path)))
    assert KEY[:5] not in fault
    assert len(fault) < 500


def test_a_key_in_an_answer_of_success_is_redacted(server: SpeechServer, tmp_path: Path) -> None:
    """Where audio should be."""
    server.answers.append(content(f'{{"error": "bad key {KEY}"}}'.encode(), "application/json"))
    with engine_for(server, api_key_file=str(key_file(tmp_path))) as engine:
        end = speak_one(engine, take(make_voice(tmp_path)))
    assert isinstance(end, Failed)
    assert end.reason.endswith("bytes that are not audio: bad key [key]")


def test_the_key_is_in_no_representation() -> None:
    """Of the object that holds it."""
    assert KEY not in repr(ApiKey(KEY))


def test_the_notes_name_model_address_and_what_endangers_the_key(
    server: SpeechServer, tmp_path: Path
) -> None:
    """A file for everyone to read, and a connection without encryption."""
    path = key_file(tmp_path, mode=0o644)
    with engine_for(server, api_key_file=str(path)) as engine:
        assert (
            f"{MODEL} at {server.url}, 4 requests at once",
            f"{path} can be read by every user; chmod 600 protects the key",
            "the key is sent without encryption; use https:// unless the network is yours",
        ) == engine.notes
