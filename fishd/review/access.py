"""Who may use the page: the names it is reached by, its token, and the cookie that replaces the token.

The token is in the first URL only. A browser keeps the cookie, whose secret is another one: a URL that is
left in a history or a log does not contain it.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from dataclasses import dataclass, field

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def _secret() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Access:
    """The secrets of one server process, and the host names under which it answers.

    A page of another site can reach a server under a DNS name that it controls (DNS rebinding), never under
    an IP address; so addresses are safe where the server listens on more than loopback.
    """

    host: str
    port: int
    token: str = field(default_factory=_secret, repr=False)
    session: str = field(default_factory=_secret, repr=False)

    @property
    def cookie(self) -> str:
        """Cookies are shared by all ports of a host, so each server needs a name of its own."""
        return f"fishd-review-{self.port}"

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)

    def answers_to(self, host_header: str) -> bool:
        """Is this a name of this server? Its port may be another one: that of a tunnel."""
        name = host_name(host_header)
        if name in LOOPBACK_NAMES or name == self.host.lower():
            return True
        return bool(name) and not self.is_loopback and (is_address(name) or name in _own_names())

    def knows_token(self, token: str) -> bool:
        return same(token, self.token)

    def knows_cookie(self, cookie: str) -> bool:
        return same(cookie, self.session)

    def url(self, path: str = "/") -> str:
        """The first URL of a browser."""
        host = "localhost" if self.host in ("", "0.0.0.0", "::") else self.host  # noqa: S104 - compared
        return f"http://{bracketed(host)}:{self.port}{path}?token={self.token}"


def host_name(header: str) -> str:
    """`[::1]:8765` -> `::1`, `localhost:8765` -> `localhost`; in lower case."""
    host = header.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].removesuffix(".")


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    return host.lower() == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def same(given: str, secret: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), secret.encode())


def _own_names() -> frozenset[str]:
    return frozenset({socket.gethostname().lower(), socket.getfqdn().lower()})
