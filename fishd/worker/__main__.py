"""`python -m fishd.worker FD PARENT`: one worker process, speaking over the socket that it inherited as FD.

PARENT is the daemon's process id: a worker whose parent is another one is an orphan, and ends.
"""

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
from fishd.wire.messages import CheckOptions, Inspect, Load, Ready, Stop, ToWorker, WorkerFault
from fishd.worker.loading import Loaded, check_options, load_engine
from fishd.worker.memory import memory_gb, needs_gb
from fishd.worker.references import inspect
from fishd.worker.take_loop import TakeLoop

_PR_SET_PDEATHSIG = 1
_LONGEST_TEXT = 32 * 1024


def main() -> int:
    _die_with_the_parent()
    for stop in (signal.SIGINT, signal.SIGTERM):  # meant for the daemon, whoever sends it to all; it tells us
        signal.signal(stop, signal.SIG_IGN)
    wire = socket.socket(fileno=int(sys.argv[1]))
    wire.set_inheritable(False)
    channel: BlockingChannel[ToWorker] = BlockingChannel(wire, ToWorker)
    try:
        load = _answer_until_load(channel)
        return 0 if load is None else _work(channel, load)
    except EndOfStream:
        return 0


def _answer_until_load(channel: BlockingChannel[ToWorker]) -> Load | None:
    """Answer the questions that need no loaded engine, until Load arrives; None if it is Stop."""
    while True:
        match channel.receive():
            case Load() as load:
                return load
            case Stop():
                return None
            case Inspect() as question:
                channel.send(inspect(question))
            case CheckOptions() as question:
                channel.send(check_options(question))
            case message:
                raise SystemExit(f"{type(message).__name__} must not come before Load")


def _work(channel: BlockingChannel[ToWorker], load: Load) -> int:
    """Load, say so, and speak until told to stop; a fault is told before the process ends."""
    try:
        started = time.monotonic()
        loaded = load_engine(load)
        channel.send(_ready(loaded, time.monotonic() - started))
    except Exception as error:  # noqa: BLE001 - whatever an engine raises while it loads is told to the daemon
        return _tell(channel, error, "load", load.device)
    try:
        TakeLoop(channel, loaded).run()
    except EndOfStream:
        raise
    except Exception as error:  # noqa: BLE001 - whatever an engine raises is told to the daemon
        return _tell(channel, error, "engine", load.device)
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


def _tell(channel: BlockingChannel[ToWorker], error: Exception, kind: str, device: str) -> int:
    needs = None
    if _is_out_of_memory(error):
        kind, needs = "out of memory", needs_gb(device, error)
    reason = _sendable(str(error)) or type(error).__name__
    trace = _sendable("".join(traceback.format_exception(error)))
    channel.send(WorkerFault(kind=kind, reason=reason, traceback=trace, needs_gb=needs))
    return 1


def _is_out_of_memory(error: Exception) -> bool:
    """The protocol's, Python's, or torch's, whose module is not imported here."""
    return isinstance(error, OutOfMemory | MemoryError) or type(error).__name__ == "OutOfMemoryError"


def _sendable(text: str) -> str:
    """Unicode without lone surrogates, and not without end: what matters is in the last lines."""
    return text[-_LONGEST_TEXT:].encode("utf-8", "backslashreplace").decode("utf-8")


def _die_with_the_parent() -> None:
    """Have the kernel end us when the daemon dies, even while we are stopped or hang in a step."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[2]):  # it died before the kernel was asked
        sys.exit(0)


def _leave(status: int) -> None:
    """At once: an engine's threads, or a driver that hangs in its own ending, keep nobody waiting."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _leave(main())
