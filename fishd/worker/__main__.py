"""`python -m fishd.worker FD PARENT`: one worker process, with the daemon at the other end of the socket FD.

PARENT is the daemon's process id: a worker whose parent is another process is an orphan, and exits.
"""

from __future__ import annotations

import signal
import socket
import sys
import time
import traceback

from fishd.engines.protocol import OutOfMemory
from fishd.wire.channel import BlockingChannel, EndOfStream
from fishd.wire.messages import CheckOptions, Inspect, Load, Ready, Stop, ToWorker, WorkerFault
from fishd.wire.process_exit import exit_now, exit_with_parent
from fishd.worker.loading import Loaded, check_options, load_engine
from fishd.worker.memory import memory_gb, needs_gb
from fishd.worker.references import inspect
from fishd.worker.take_loop import TakeLoop

_MAX_TEXT_CHARS = 32 * 1024


def main() -> int:
    exit_with_parent(int(sys.argv[2]))
    for number in (signal.SIGINT, signal.SIGTERM):  # for the daemon, even if sent to all; it sends Stop
        signal.signal(number, signal.SIG_IGN)
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
    """Load the engine and speak until Stop; a fault is reported before the process exits."""
    try:
        started = time.monotonic()
        loaded = load_engine(load)
        channel.send(_ready(loaded, time.monotonic() - started))
    except Exception as error:  # noqa: BLE001 - whatever an engine raises while it loads is reported
        return _report_fault(channel, error, "load", load.device)
    try:
        TakeLoop(channel, loaded).run()
    except EndOfStream:
        raise
    except Exception as error:  # noqa: BLE001 - whatever an engine raises is reported
        return _report_fault(channel, error, "engine", load.device)
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


def _report_fault(channel: BlockingChannel[ToWorker], error: Exception, kind: str, device: str) -> int:
    needs = None
    if _is_out_of_memory(error):
        kind, needs = "out of memory", needs_gb(device, error)
    reason = _sendable(str(error)) or type(error).__name__
    trace = _sendable("".join(traceback.format_exception(error)))
    channel.send(WorkerFault(kind=kind, reason=reason, traceback=trace, needs_gb=needs))
    return 1


def _is_out_of_memory(error: Exception) -> bool:
    """The protocol's error, Python's, or torch's, whose module is not imported here."""
    return isinstance(error, OutOfMemory | MemoryError) or type(error).__name__ == "OutOfMemoryError"


def _sendable(text: str) -> str:
    """Valid Unicode of limited length: the last lines matter most."""
    return text[-_MAX_TEXT_CHARS:].encode("utf-8", "backslashreplace").decode("utf-8")


if __name__ == "__main__":
    exit_now(main())
