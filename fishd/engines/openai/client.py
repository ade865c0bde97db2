"""One HTTP request, and what became of it.

httpx2, the maintained successor of httpx, and not the standard library: one thread serves all slots, a
cancelled take closes its connection at once, and connections, proxies and the system's certificates are its
work. Certificates are always verified. HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY and SSL_CERT_FILE in the
worker's environment are respected. Redirects are not followed, so the key goes to base_url's host only.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import httpx2

from fishd.engines.openai.api_key import ApiKey
from fishd.engines.openai.faults import ServerBusy, fault_of_answer, message_of
from fishd.engines.openai.options import Settings
from fishd.engines.openai.speech_request import Request
from fishd.engines.protocol import BadOption, EngineError

CONNECT_S = 10.0
MESSAGE_CHARS = 300
MAX_ERROR_BYTES = 64 * 1024


class TooLarge(Exception):  # noqa: N818 - the body's state
    """The body is larger than the caller allows."""


class Client:
    """Requests to one server, from one event loop."""

    def __init__(self, settings: Settings, key: ApiKey) -> None:
        self._root = settings.root
        self._key = key
        try:
            httpx2.URL(settings.root)
            self._http = httpx2.AsyncClient(
                headers={"Accept-Encoding": "identity", **key.headers},
                timeout=httpx2.Timeout(None, connect=CONNECT_S),
                limits=httpx2.Limits(max_connections=settings.concurrency),
                follow_redirects=False,
            )
        except httpx2.InvalidURL as error:
            raise BadOption(f"engine.options.base_url: {settings.root}: {error}; correct it") from error
        except (ImportError, ValueError, OSError) as error:  # a proxy's address, SOCKS, SSL_CERT_FILE
            raise EngineError(f"proxy or certificates in the environment: {error}") from error

    async def fetch(self, request: Request, max_bytes: int, timeout_s: float) -> bytes:
        """The body of a 2xx answer, from connecting to its last byte within `timeout_s`.

        Raises ServerBusy, TakeFault, EngineError or TooLarge.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._fetch(request, max_bytes)
        except TimeoutError as error:
            raise ServerBusy(f"{self._root}{request.path} gave no answer in {timeout_s:g} s") from error
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            if fault := _certificate_fault(error):
                fix = "trust its CA in the system's store, or name it in SSL_CERT_FILE"
                raise EngineError(f"{self._root}: its certificate is refused: {fault}; {fix}") from error
            raise ServerBusy(f"nobody answers at {self._root}: {_describe(error)}") from error
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            raise ServerBusy(f"the connection to {self._root} broke: {_describe(error)}") from error

    def message_in(self, body: bytes) -> str:
        """What a body that is not audio says, without the key, cut to a readable length; "" if nothing."""
        message = self._key.redact(message_of(body[:MAX_ERROR_BYTES]))
        return message if len(message) <= MESSAGE_CHARS else message[: MESSAGE_CHARS - 1] + "…"

    async def close(self) -> None:
        await self._http.aclose()

    async def _fetch(self, request: Request, max_bytes: int) -> bytes:
        async with self._http.stream(
            request.method,
            self._root + request.path,
            content=request.body,
            headers={"Content-Type": request.content_type},
        ) as response:
            if response.is_success:
                return await _read(response, max_bytes)
            body = b""
            with contextlib.suppress(TooLarge, httpx2.TransportError):  # the status says enough
                body = await _read(response, MAX_ERROR_BYTES)
        where = f"{self._root}{request.path}"
        raise fault_of_answer(where, response.status_code, response.headers, self.message_in(body))


async def _read(response: httpx2.Response, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > max_bytes:
            raise TooLarge
    return bytes(body)


def _describe(error: Exception) -> str:
    return str(error) or type(error).__name__


def _certificate_fault(error: BaseException | None) -> str:
    """Why the certificate was refused; "" if another fault is at the root."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message or str(error)
        error = error.__cause__ or error.__context__
    return ""
