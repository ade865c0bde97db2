"""Notify systemd over NOTIFY_SOCKET (sd_notify(3)); without one, nothing happens."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping

SEND_TIMEOUT_S = 1.0  # for a busy manager; without READY the start would never end


class Notifier:
    """Sends datagrams to the service manager. Failures to send are ignored."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_s = _watchdog_s(environ)
        # The mutable state.
        self._is_ready = False
        self._num_reloads = 0  # in progress

    @property
    def is_heard(self) -> bool:
        """Whether there is a service manager."""
        return bool(self._address)

    @property
    def is_ready(self) -> bool:
        """Whether READY has been sent."""
        return self._is_ready

    def ready(self) -> None:
        """Startup is complete. Sent once, however often it is called."""
        if not self._is_ready:
            self._is_ready = True
            self._send("READY=1")

    def reloading(self) -> None:
        """Systemd waits for the READY that follows, and distinguishes it from an older one by the clock.

        Before the first READY nothing is sent: the READY after a reload would end the startup too soon.
        """
        self._num_reloads += 1
        if self._is_ready:
            self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def reloaded(self) -> None:
        """A reload has ended, with or without success. READY is sent after the last of concurrent reloads."""
        self._num_reloads -= 1
        if self._is_ready and not self._num_reloads:
            self._send("READY=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def extend_timeout(self, seconds: float) -> None:
        """Ask for more time, from now on, to start, stop or reload."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")

    def status(self, line: str) -> None:
        self._send(f"STATUS={line}")

    def watchdog(self) -> None:
        self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(SEND_TIMEOUT_S)
            sock.sendto(text.encode(), self._address)


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """Half of WatchdogSec, the interval for WATCHDOG=1; None if this process is not watched."""
    try:
        usec, pid = int(environ.get("WATCHDOG_USEC", "0")), int(environ.get("WATCHDOG_PID", "0"))
    except ValueError:
        return None
    return usec / 2e6 if usec > 0 and pid in (0, os.getpid()) else None
