"""A real HTTP server that answers as vLLM-Omni, SGLang-Omni and fish-speech document, or as a test says.

`POST /v1/audio/speech` and `GET /v1/models` answer in OpenAI's shape, `POST /v1/tts` and `GET /v1/health` in
fish-speech's; the versions are those of fishd/engines/openai/speech_request.py. The audio is a tone whose
pitch depends on text, seed and reference, and whose length depends on the text.

`answers` holds faults: each request for speech takes the first one in place of the answer.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import urlsplit

import msgspec
import numpy as np
import soundfile

MODEL = "fishaudio/s2-pro"
RATE = 44_100
LIMIT_S = 30.0

Answer = Callable[["Handler"], None]


@dataclass(frozen=True)
class Seen:
    """A request as it arrived. `body` is decoded; None if there was none."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any = None


@dataclass
class SpeechServer:
    """`key` is what clients must send, `api` which of the two APIs is served; "" for both."""

    url: str = ""
    key: str = ""
    api: str = ""
    models: tuple[str, ...] = (MODEL,)
    answers: deque[Answer] = field(default_factory=deque)
    always: Answer | None = None  # in place of every answer, which is then not recorded: for the bench
    first_answers: deque[Answer] = field(default_factory=deque)  # to the question at start
    seen: list[Seen] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)  # a client closed while it waited

    def speeches(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.method == "POST"]


@contextmanager
def serving(server: SpeechServer | None = None, tls: ssl.SSLContext | None = None) -> Iterator[SpeechServer]:
    """The server on a free port of 127.0.0.1, until the block ends."""
    server = server or SpeechServer()
    http = _Server(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"server_state": server}))
    if tls:
        http.socket = tls.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.socket.close()  # not server_close, which waits for requests that are never answered


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        """Without HTTPServer's look-up of the host's name, which takes time."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_state: SpeechServer
    timeout = LIMIT_S

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        state, path = self.server_state, self._arrive()
        if state.first_answers:
            state.first_answers.popleft()(self)
        elif not self._is_authorized():
            self.error(401, "Invalid token")
        elif path == "/v1/models" and state.api != "fish":
            self.json(200, {"object": "list", "data": [{"id": m, "object": "model"} for m in state.models]})
        elif path == "/v1/health" and state.api != "openai":
            self.json(200, {"status": "ok"})
        else:
            self.json(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        state, path = self.server_state, self._arrive()
        if state.always:
            state.always(self)
        elif state.answers:
            state.answers.popleft()(self)
        elif not self._is_authorized():
            self.error(401, "Invalid token")
        elif path == "/v1/audio/speech" and state.api != "fish":
            self._speak(self._body)
        elif path == "/v1/tts" and state.api != "openai":
            self._tts(self._body)
        else:
            self.json(404, {"detail": "Not Found"})

    # ---- answers ------------------------------------------------------------------------------------------

    def json(self, status: int, content: object, **headers: str) -> None:
        self.send(status, json.dumps(content).encode(), "application/json", **headers)

    def error(self, status: int, message: str, **headers: str) -> None:
        """In vLLM's and SGLang's envelope."""
        error = {"message": message, "type": "BadRequestError", "param": None, "code": status}
        self.json(status, {"error": error}, **headers)

    def send(self, status: int, body: bytes, content_type: str = "audio/wav", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def wait_for_the_client_to_hang_up(self) -> None:
        if not self.connection.recv(1):
            self.server_state.hung_up.set()
        self.close_connection = True

    # ---- the documented APIs ------------------------------------------------------------------------------

    def _speak(self, body: dict[str, Any]) -> None:
        if body.get("model") not in (None, *self.server_state.models):
            self.error(404, f"The model `{body['model']}` does not exist.")
        elif not body["input"].strip():
            self.error(400, "Input text cannot be empty")
        elif not body.get("ref_text", "").strip():
            self.error(400, "Voice cloning requires 'ref_text' (transcript of the reference audio)")
        else:
            head, _, audio = body["ref_audio"].partition(",")
            assert head == "data:audio/wav;base64"
            assert body["response_format"] == "wav"
            self.send(200, speech(body["input"], body["seed"], base64.b64decode(audio, validate=True)))

    def _tts(self, body: dict[str, Any]) -> None:
        (reference,) = body["references"]
        assert body["format"] == "wav"
        self.send(200, speech(body["text"], body["seed"], reference["audio"]))

    # ---- requests -----------------------------------------------------------------------------------------

    def _arrive(self) -> str:
        """Record the request; its path, also if it came as to a proxy."""
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        is_msgpack = self.headers.get("Content-Type") == "application/msgpack"
        decode = msgspec.msgpack.decode if is_msgpack else msgspec.json.decode
        self._body = decode(content) if content else None
        seen = Seen(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, self._body)
        if not self.server_state.always:
            self.server_state.seen.append(seen)
        return urlsplit(self.path).path

    def _is_authorized(self) -> bool:
        key = self.server_state.key
        return not key or self.headers.get("Authorization") == f"Bearer {key}"


# ---- audio ------------------------------------------------------------------------------------------------


def speech(text: str, seed: int, reference: bytes) -> bytes:
    digest = hashlib.sha256(f"{text}\0{seed}\0".encode() + reference).digest()
    return audio_file(tone(0.3 + 0.02 * len(text), 150 + int.from_bytes(digest[:2], "big") % 500))


def tone(seconds: float, hertz: float = 220.0, rate: int = RATE, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def audio_file(
    audio: np.ndarray, rate: int = RATE, kind: str = "WAV", subtype: str | None = "PCM_16"
) -> bytes:
    written = io.BytesIO()
    soundfile.write(written, audio, rate, format=kind, subtype=subtype)
    return written.getvalue()


# ---- faults -----------------------------------------------------------------------------------------------


def status(code: int, message: str = "overloaded", **headers: str) -> Answer:
    return lambda handler: handler.error(code, message, **headers)


def content(body: bytes, content_type: str = "audio/wav", code: int = 200) -> Answer:
    return lambda handler: handler.send(code, body, content_type)


def cut(handler: Handler) -> None:
    """Half of the body that Content-Length promises, then the end of the connection."""
    body = audio_file(tone(0.5))
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.close_connection = True


def cut_without_length(handler: Handler) -> None:
    """As HTTP/1.0 may: the end of the connection is the end of the body, so only the WAV header tells."""
    body = audio_file(tone(0.5))
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.close_connection = True


def hang_up(handler: Handler) -> None:
    """No answer at all."""
    handler.close_connection = True


def never(handler: Handler) -> None:
    handler.wait_for_the_client_to_hang_up()


def slow(handler: Handler) -> None:
    """The first bytes, and then nothing."""
    body = audio_file(tone(0.5))
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[:100])
    handler.wait_for_the_client_to_hang_up()


def endless(handler: Handler) -> None:
    """Bytes for as long as the client reads."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True
    try:
        while True:
            handler.wfile.write(bytes(65536))
    except OSError:
        handler.server_state.hung_up.set()
