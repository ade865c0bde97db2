"""`python -m fishd.listener FD PARENT`: one listener, with the process PARENT at the other end of socket FD.

A listener whose parent is another process is an orphan, and exits.
"""

from __future__ import annotations

import os
import signal
import socket
import sys

from fishd.wire.channel import BlockingChannel, EndOfStream
from fishd.wire.listen import ToListener
from fishd.wire.process_exit import exit_now, exit_with_parent

_NICENESS = 10  # speaking comes first


def main() -> int:
    exit_with_parent(int(sys.argv[2]))
    for number in (signal.SIGINT, signal.SIGTERM):  # for the parent, even if sent to all; it sends Stop
        signal.signal(number, signal.SIG_IGN)
    os.nice(_NICENESS)
    for library in ("OMP", "OPENBLAS"):  # before numpy is imported: with more, small products are slower
        os.environ[f"{library}_NUM_THREADS"] = "1"
    wire = socket.socket(fileno=int(sys.argv[1]))
    wire.set_inheritable(False)
    channel: BlockingChannel[ToListener] = BlockingChannel(wire, ToListener)
    from fishd.listener.serve import serve

    try:
        return serve(channel)
    except EndOfStream:
        return 0


if __name__ == "__main__":
    exit_now(main())
