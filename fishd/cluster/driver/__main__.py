"""`python -m fishd.cluster.driver FD PARENT`: a daemon's Ray driver, with the daemon at the end of socket FD.

FISHD_RAY_ADDRESS is the address. A driver whose parent is another process is an orphan, and exits; when it
exits, Ray ends its actors.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys
from typing import Any

from fishd.cluster.driver.connect import ConnectFault, connect
from fishd.wire.channel import encode
from fishd.wire.cluster import DriverFault

_PR_SET_PDEATHSIG = 1


def main() -> int:
    _exit_with_parent()
    wire = socket.socket(fileno=int(sys.argv[1]))
    wire.set_inheritable(False)
    try:
        ray = connect(os.environ["FISHD_RAY_ADDRESS"])
    except ConnectFault as fault:
        wire.sendall(encode(DriverFault(str(fault))))
        return 1
    asyncio.run(_serve(ray, wire))
    return 0


async def _serve(ray: Any, wire: socket.socket) -> None:
    from fishd.cluster.driver.serve import Driver

    await Driver(ray, wire).run()


def _exit_with_parent() -> None:
    """Have the kernel kill us when the daemon dies, even while Ray connects."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[2]):  # it died before the prctl
        sys.exit(0)


def _exit_now(status: int) -> None:
    """Exit without waiting for Ray's threads; its actors end with us."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _exit_now(main())
