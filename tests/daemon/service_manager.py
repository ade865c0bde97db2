"""A service manager's end of NOTIFY_SOCKET."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

LIMIT_S = 60.0


class Manager:
    """Hears what a daemon says. `said` is all of it so far, a list of its variables a datagram."""

    def __init__(self, sock: socket.socket, path: str) -> None:
        self._socket = sock
        self.path = path
        self.said: list[dict[str, str]] = []

    def env(self, watchdog_s: float = 0.2) -> dict[str, str]:
        """What the manager puts into its service's environment."""
        return {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": str(int(watchdog_s * 1e6))}

    def hear(self, timeout_s: float = LIMIT_S) -> dict[str, str] | None:
        """The next datagram; None if there is none for so long."""
        self._socket.settimeout(timeout_s)
        try:
            datagram = self._socket.recv(4096).decode()
        except (TimeoutError, BlockingIOError):
            return None
        self.said.append(dict(line.split("=", 1) for line in datagram.splitlines()))
        return self.said[-1]

    def hear_until(self, is_it: Callable[[dict[str, str]], bool]) -> dict[str, str]:
        while (said := self.hear()) is not None:
            if is_it(said):
                return said
        raise AssertionError(f"waited in vain; heard {self.said}")

    def hear_of(self, key: str, value: str | None = None) -> dict[str, str]:
        """The next datagram with this variable (and this value)."""
        return self.hear_until(lambda said: key in said and value in (None, said[key]))

    def has_heard(self, key: str) -> bool:
        return any(key in said for said in self.said)

    def hear_the_rest(self) -> None:
        """What has been sent and not yet been heard."""
        while self.hear(0):
            pass


@contextlib.contextmanager
def manager(folder: Path) -> Iterator[Manager]:
    """`folder` must have a short name: a socket's address holds 107 bytes."""
    path = str(folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        yield Manager(sock, path)
