"""The check of every request, before any other code sees it, and the headers of every response.

Host is checked against DNS rebinding; Origin and Sec-Fetch-Site against forged requests of other sites, also
of other ports of this host, to which a browser would send the cookie.
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fishd.review.access import Access

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
SAFE = ("GET", "HEAD")
SAME_SITE = ("same-origin", "none")  # none: typed, or opened by another program
NO_COOKIE = (
    "This page needs its address with the token: open the one that `fishd review` has printed, or, of the "
    "service, the one in /run/fishd-review/url.\n"
)


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = answer_early(Request(scope), self._access)
        await (answer or self._app)(scope, receive, _with_headers(send))


def answer_early(request: Request, access: Access) -> Response | None:
    """A refusal, or the redirect that exchanges the token for the cookie; None if the request may pass."""
    host = request.headers.get("host", "")
    if not access.answers_to(host):
        return _refuse(HTTPStatus.MISDIRECTED_REQUEST, "The Host header does not name this server.\n")
    if access.knows_token(request.query_params.get("token", "")) and request.method in SAFE:
        return _exchange_token(request, access)
    if not _is_from_this_page(request, host):
        return _refuse(HTTPStatus.FORBIDDEN, "The request comes from another site.\n")
    if not access.knows_cookie(request.cookies.get(access.cookie, "")):
        return _refuse(HTTPStatus.FORBIDDEN, NO_COOKIE)
    return None


def _is_from_this_page(request: Request, host: str) -> bool:
    """Only a request that changes nothing may come without an Origin."""
    if request.headers.get("sec-fetch-site", "none") not in SAME_SITE:
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return request.method in SAFE
    return origin.lower() == f"http://{host.lower()}"


def _exchange_token(request: Request, access: Access) -> Response:
    rest = [(key, value) for key, value in request.query_params.multi_items() if key != "token"]
    path = "/" + quote(request.url.path.lstrip("/"))  # "//HOST" would be another site
    response = RedirectResponse(f"{path}?{urlencode(rest)}" if rest else path, HTTPStatus.SEE_OTHER)
    response.set_cookie(access.cookie, access.session, httponly=True, samesite="strict", path="/")
    return response


def _refuse(status: HTTPStatus, text: str) -> Response:
    return PlainTextResponse(text, status)


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(HEADERS)
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return send_with_headers
