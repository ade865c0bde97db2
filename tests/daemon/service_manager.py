"""A service manager's end of NOTIFY_SOCKET (sd_notify(3))."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

LIMIT_S = 60.0
Datagram = dict[str, str]  # the variables in it


class ServiceManager:
    """Receives a daemon's notifications; `received` holds all of them so far."""

    def __init__(self, sock: socket.socket, path: str) -> None:
        self._socket = sock
        self._path = path
        self.received: list[Datagram] = []

    def env(self, watchdog_s: float = 0.2) -> dict[str, str]:
        """The variables that the manager adds to its service's environment."""
        return {"NOTIFY_SOCKET": self._path, "WATCHDOG_USEC": str(int(watchdog_s * 1e6))}

    def receive(self, timeout_s: float = LIMIT_S) -> Datagram | None:
        """The next datagram; None if none comes within the timeout."""
        self._socket.settimeout(timeout_s)
        try:
            datagram = self._socket.recv(4096).decode()
        except (TimeoutError, BlockingIOError):
            return None
        self.received.append(dict(line.split("=", 1) for line in datagram.splitlines()))
        return self.received[-1]

    def receive_until(self, is_expected: Callable[[Datagram], bool]) -> Datagram:
        while (datagram := self.receive()) is not None:
            if is_expected(datagram):
                return datagram
        raise AssertionError(f"timed out; received {self.received}")

    def receive_variable(self, key: str, value: str | None = None) -> Datagram:
        """The next datagram with this variable (and this value)."""
        return self.receive_until(lambda datagram: key in datagram and value in (None, datagram[key]))

    def has_received(self, key: str) -> bool:
        return any(key in datagram for datagram in self.received)

    def receive_pending(self) -> list[str]:
        """Receive what has been sent already; the first key of every datagram so far."""
        while self.receive(0):
            pass
        return [next(iter(datagram)) for datagram in self.received]


@contextlib.contextmanager
def service_manager(folder: Path) -> Iterator[ServiceManager]:
    """`folder` must have a short name: a socket's address holds 107 bytes."""
    path = str(folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        yield ServiceManager(sock, path)
