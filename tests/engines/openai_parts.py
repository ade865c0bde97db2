"""What the tests of the openai engine share: engines with short pauses, voices, takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from fishd.engines.openai.engine import OpenAIEngine, load_engine
from fishd.engines.openai.options import read_settings
from fishd.engines.openai.retries import Backoff
from fishd.engines.protocol import EngineError, Take, Voice
from tests.engines.speech_server import SpeechServer, tone

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
KEY = "sk-0123456789abcdef"
SHORT = Backoff(first_s=0.001, most_s=0.002)
TRANSCRIPT = "What the clip says."


@contextmanager
def engine_for(server: SpeechServer, **options: Any) -> Iterator[OpenAIEngine]:
    """The engine, loaded with these options, and pauses of a millisecond between attempts."""
    settings = read_settings({"base_url": f"{server.url}/v1", "concurrency": 4, **options})
    with closing(load_engine(settings, SHORT)) as engine:
        yield engine


def make_voice(folder: Path, *clips: np.ndarray, rate: int = 16_000, kind: str = "wav") -> Voice:
    """A voice with these clips, or with one of a second and a half."""
    paths = tuple(folder / f"clip-{n}.{kind}" for n in range(len(clips) or 1))
    for path, clip in zip(paths, clips or (tone(1.5, rate=rate),), strict=True):
        soundfile.write(path, clip, rate)
    return Voice(f"key of {folder}", paths, TRANSCRIPT, "en")


def take(voice: Voice, text: str = "Good evening.", number: int = 0, **changes: Any) -> Take:
    values = {"language": "en", "seed": 7, "limit_s": 10.0, **changes}
    return Take(f"take-{number}", voice, text, **values)


def fault_at_start(server: SpeechServer, **options: Any) -> str:
    with pytest.raises(EngineError) as raised, engine_for(server, **{"retry_s": 0, **options}):
        pass
    return str(raised.value)


def key_file(folder: Path, content: bytes = KEY.encode() + b"\n", mode: int = 0o600) -> Path:
    path = folder / "key"
    path.write_bytes(content)
    path.chmod(mode)
    return path
