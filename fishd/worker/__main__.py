"""`python -m fishd.worker FD`: one worker process, speaking over the socket that it inherited as FD."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import time
import traceback

from fishd.engines.protocol import OutOfMemory
from fishd.wire.channel import BlockingChannel, EndOfStream
from fishd.wire.messages import Fault, Load, Ready, ToWorker
from fishd.worker.loading import Loaded, load_engine
from fishd.worker.memory import memory_gb
from fishd.worker.studio import Studio

_PR_SET_PDEATHSIG = 1


def main() -> int:
    _die_with_the_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the daemon; it tells us to stop
    channel: BlockingChannel[ToWorker] = BlockingChannel(socket.socket(fileno=int(sys.argv[1])), ToWorker)
    try:
        load = channel.receive()
        if not isinstance(load, Load):
            raise SystemExit(f"the first message must be Load, not {type(load).__name__}")
        return _work(channel, load)
    except EndOfStream:
        return 0


def _work(channel: BlockingChannel[ToWorker], load: Load) -> int:
    """Load, say so, and speak until told to stop; a fault is told before the process ends."""
    try:
        started = time.monotonic()
        loaded = load_engine(load)
        channel.send(_ready(loaded, time.monotonic() - started))
    except Exception as error:  # noqa: BLE001 - whatever an engine raises while it loads is told to the daemon
        return _tell(channel, error, "load")
    try:
        Studio(channel, loaded).run()
    except EndOfStream:
        raise
    except Exception as error:  # noqa: BLE001 - whatever an engine raises is told to the daemon
        return _tell(channel, error, "engine")
    return 0


def _ready(loaded: Loaded, load_s: float) -> Ready:
    engine = loaded.engine
    return Ready(
        engine=getattr(engine, "name", "") or loaded.module,
        sample_rate=engine.sample_rate,
        slots=engine.capacity,
        load_s=load_s,
        notes=tuple(getattr(engine, "notes", ())),
        remark=str(getattr(engine, "remark", "")),
        memory_gb=memory_gb(loaded.device),
    )


def _tell(channel: BlockingChannel[ToWorker], error: Exception, kind: str) -> int:
    if isinstance(error, OutOfMemory):
        kind = "out of memory"
    reason = str(error) or type(error).__name__
    channel.send(Fault(kind=kind, reason=reason, traceback=traceback.format_exc()))
    return 1


def _die_with_the_parent() -> None:
    """Have the kernel end us when the daemon dies, even while we are stopped or hang in a step."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
