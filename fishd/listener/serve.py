"""Loads the models and answers requests, one after the other, until Stop."""

from __future__ import annotations

import os
import time
import traceback
from pathlib import Path

import msgspec

from fishd.listener.audio import SAMPLE_RATE
from fishd.listener.listening import Listening
from fishd.listener.recogniser import Recogniser
from fishd.listener.voice.encoder import VoiceEncoder, find_weights
from fishd.listener.voice.similarity import Voices
from fishd.wire.channel import BlockingChannel, EndOfStream
from fishd.wire.listen import Heard, Listen, ListenError, LoadListener, ToListener
from fishd.wire.messages import Ready, Stop, WorkerFault

_MAX_TEXT_CHARS = 32 * 1024
_GIB = 1024**3
NO_VOICES = "voices are not compared: `pip install --no-deps resemblyzer` installs the speaker encoder"


def serve(channel: BlockingChannel[ToListener]) -> int:
    """The exit status. A fault is reported before; raises EndOfStream when the parent is gone."""
    try:
        first = channel.receive()
        if isinstance(first, LoadListener):
            _listen(channel, first)
    except EndOfStream:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a model raises is reported
        kind = "out of memory" if isinstance(error, MemoryError) else "load"
        reason = _sendable(str(error)) or type(error).__name__
        channel.send(WorkerFault(kind, reason, _sendable("".join(traceback.format_exception(error)))))
        return 1
    return 0


def _listen(channel: BlockingChannel[ToListener], load: LoadListener) -> None:
    started = time.monotonic()
    weights = find_weights()
    voices = None if weights is None else Voices(VoiceEncoder(weights))
    listening = Listening(Recogniser(Path(load.recogniser)), voices)
    channel.send(
        Ready(
            engine=Path(load.recogniser).name,
            sample_rate=SAMPLE_RATE,
            slots=1,
            load_s=time.monotonic() - started,
            notes=() if voices else (NO_VOICES,),
            memory_gb=_memory_gb(),
        )
    )
    while True:
        match channel.receive():
            case Listen() as request:
                channel.send(_answer(listening, request))
            case Stop() | LoadListener():
                return


def _answer(listening: Listening, request: Listen) -> Heard | ListenError:
    try:
        heard = listening.hear(request)
    except OSError as error:
        return ListenError(request.id, _sendable(str(error)))
    return msgspec.structs.replace(heard, text=_sendable(heard.text), memory_gb=_memory_gb())


def _memory_gb() -> float:
    """The resident set."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _GIB


def _sendable(text: str) -> str:
    """Valid Unicode of limited length."""
    return text[-_MAX_TEXT_CHARS:].encode("utf-8", "backslashreplace").decode("utf-8")
