"""The requests of the two APIs.

openai: `POST /v1/audio/speech` with `ref_audio` (a data URL) and `ref_text`, after vLLM-Omni's
docs/serving/speech_api.md (commit 078de2d, 2026) and SGLang-Omni's docs/cookbook/fishaudio_s2_pro.md (commit
18764be, 2026), which both take these two names. `GET /v1/models` is OpenAI's, and both serve it.

fish: `POST /v1/tts` with msgpack and `references`, after fish-speech's fish_speech/utils/schema.py (commit
0779a45) and docs/en/server.md (commit 1ffc56a); `GET /v1/health`.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass

import msgspec

from fishd.engines.openai.options import Settings
from fishd.engines.protocol import Take

SEED_BITS = 31  # fish-speech cuts a larger seed to 2**31
FISH_FRAMES_A_SECOND = 44_100 / 2048
MARGIN_S = 1.0  # more than the limit, so that a line that does not end is seen to be too long


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    body: bytes = b""
    content_type: str = "application/json"


MODELS = Request("GET", "/v1/models")
FISH_HEALTH = Request("GET", "/v1/health")


def speech_request(settings: Settings, take: Take, reference: bytes) -> Request:
    """The request for one take; `reference` is a WAV file."""
    fields = {**settings.extra, **settings.sampling, **take.options, "seed": take.seed % 2**SEED_BITS}
    if settings.api == "fish":
        return _fish(fields, take, reference)
    return _openai({"model": settings.model, **fields} if settings.model else fields, take, reference)


def _openai(fields: dict[str, object], take: Take, reference: bytes) -> Request:
    body = {
        "voice": "default",
        **fields,
        "input": take.text,
        "response_format": "wav",
        "ref_audio": "data:audio/wav;base64," + base64.b64encode(reference).decode("ascii"),
        "ref_text": take.voice.transcript,
    }
    return Request("POST", "/v1/audio/speech", msgspec.json.encode(body))


def _fish(fields: dict[str, object], take: Take, reference: bytes) -> Request:
    body = {
        "max_new_tokens": math.ceil((take.limit_s + MARGIN_S) * FISH_FRAMES_A_SECOND),
        "use_memory_cache": "on",  # the server encodes a reference once, not for every take
        **fields,
        "text": take.text,
        "format": "wav",
        "streaming": False,
        "references": [{"audio": reference, "text": take.voice.transcript}],
    }
    return Request("POST", "/v1/tts", msgspec.msgpack.encode(body), "application/msgpack")
