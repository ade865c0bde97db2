"""What may go wrong with a request, sorted by what follows from it.

ServerBusy: the same request may succeed later. TakeFault: this take fails. EngineError: the configuration or
the server's set-up is at fault, no take can succeed, and the worker ends with the fix.
"""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from fishd.engines.protocol import EngineError

_KEY_REFUSED = {401, 403}
_LATER = {408, 425, 429}  # and every 5xx


class ServerBusy(Exception):  # noqa: N818 - whose state it is
    """A transient fault. `retry_after_s` is how long the server asks to wait, if it does."""

    def __init__(self, what: str, retry_after_s: float | None = None) -> None:
        super().__init__(what)
        self.retry_after_s = retry_after_s


class TakeFault(Exception):  # noqa: N818 - whose fault it is
    """The take fails; `retry` says whether another seed may succeed."""

    def __init__(self, reason: str, *, retry: bool) -> None:
        super().__init__(reason)
        self.retry = retry


class NotFound(EngineError):  # noqa: N818 - the status' name
    """The server has no such address, or no such model."""


def fault_of_answer(where: str, status: int, headers: Mapping[str, str], message: str) -> Exception:
    """The fault of an answer that is not 2xx; `where` is the server, `message` what it says."""
    answered = f"{where} answered {_describe(status)}" + (f": {message}" if message else "")
    if 300 <= status < 400:
        to = urlsplit(headers.get("location", ""))
        goal = f" to {to.scheme}://{to.hostname}" if to.hostname else ""
        return EngineError(f"{answered}, a redirect{goal}; redirects are not followed: correct base_url")
    if status in _KEY_REFUSED:
        return EngineError(f"{answered}; check the key in the file that api_key_file names")
    if status in (404, 405):
        return NotFound(f"{answered}; check base_url, api and model")
    if status in _LATER or status >= 500:
        return ServerBusy(answered, read_retry_after(headers.get("retry-after", "")))
    return TakeFault(answered, retry=False)


def read_retry_after(header: str, now: float | None = None) -> float | None:
    """Seconds from now; None if it is absent or invalid. RFC 9110, 10.2.3: seconds or a date."""
    if header.strip().isdecimal():
        return float(header)
    try:
        at = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, at.timestamp() - (time.time() if now is None else now))


def message_of(body: bytes) -> str:
    """The message in an error's body, in one line: OpenAI's and vLLM's `error.message`, fish-speech's
    `message`, FastAPI's `detail`; else the text itself. It may be long, and repeat the key.
    """
    text = body.decode("utf-8", "replace")
    try:
        found = _find_message(json.loads(text))
    except (ValueError, RecursionError):
        found = text
    return "".join(c if c.isprintable() else " " for c in " ".join(found.split()))


def _find_message(content: Any) -> str:
    match content:
        case str():
            return content
        case {"error": {"message": str() as message}} | {"message": str() as message}:
            return message
        case {"detail": [{"msg": str() as message, "loc": [*place]}, *_]}:  # without `input`: the request
            return ".".join(map(str, place)) + f": {message}"
        case {"detail": str() as message} | {"error": str() as message}:
            return message
        case _:
            return ""


def _describe(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
