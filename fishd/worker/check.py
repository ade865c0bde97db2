"""`python -m fishd.worker.check ENGINE`: a worker's answers without a daemon, for `fishd check` and `doctor`.

One message a line comes in as JSON and is answered by one line, in order: Inspect decodes a clip,
CheckOptions asks the engine's module, Load loads the engine. A decoder that breaks takes this process with
it; who asked sees which answer is missing.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import cast

import msgspec

from fishd.engines.protocol import EngineError, OutOfMemory
from fishd.wire.messages import (
    CheckOptions,
    FromWorker,
    Inspect,
    Load,
    OptionsChecked,
    Ready,
    ToWorker,
    WorkerFault,
)
from fishd.worker.loading import load_engine, offered_checks
from fishd.worker.memory import memory_gb
from fishd.worker.references import inspect


def main() -> int:
    """Answer until the questions end. What an engine prints goes to stderr, never among the answers."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        question = cast("ToWorker", msgspec.json.decode(line, type=ToWorker))
        answers.write(msgspec.json.encode(_answer(question, sys.argv[1])) + b"\n")
    return 0


def _answer(question: ToWorker, engine: str) -> FromWorker:
    match question:
        case Inspect():
            return inspect(question)
        case CheckOptions():
            return _checked(question, engine)
        case Load():
            return _loaded(question)
        case _:
            raise SystemExit(f"{type(question).__name__} is no question")


def _checked(question: CheckOptions, engine: str) -> OptionsChecked:
    try:
        return offered_checks(engine).answer(question)
    except (ImportError, EngineError) as error:
        return OptionsChecked(question.id, (str(error),))


def _loaded(question: Load) -> Ready | WorkerFault:
    started = time.monotonic()
    try:
        engine = load_engine(question).engine
    except Exception as error:  # noqa: BLE001 - whatever an engine raises while it loads is the answer
        kind = "out of memory" if isinstance(error, OutOfMemory) else "load"
        return WorkerFault(kind, str(error) or type(error).__name__)
    ready = Ready(
        engine=getattr(engine, "name", "") or question.engine,
        sample_rate=engine.sample_rate,
        slots=engine.capacity,
        load_s=time.monotonic() - started,
        notes=tuple(getattr(engine, "notes", ())),
        memory_gb=memory_gb(question.device),
    )
    close: Callable[[], None] = engine.close
    close()
    return ready


if __name__ == "__main__":
    sys.exit(main())
