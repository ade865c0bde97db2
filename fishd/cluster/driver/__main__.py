"""`python -m fishd.cluster.driver FD PARENT`: a daemon's Ray driver, with the daemon at the end of socket FD.

FISHD_RAY_ADDRESS is the address. A driver whose parent is another process is an orphan, and exits; when it
exits, Ray ends its actors.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from typing import Any

from fishd.cluster.driver.connect import ConnectFault, connect
from fishd.wire.channel import encode
from fishd.wire.cluster import DriverFault
from fishd.wire.process_exit import exit_now, exit_with_parent


def main() -> int:
    exit_with_parent(int(sys.argv[2]))
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


if __name__ == "__main__":
    exit_now(main())
