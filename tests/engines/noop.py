"""An engine that returns a short tone at once, or misbehaves on request: `tests.engines.noop:factory`.

For the tests of worker, pool and daemon, and for bench/overhead.py. A worker process must be able to import
it: the repository's root must be on PYTHONPATH. The engine's options (`[engine] options = {…}`) choose:

    capacity   takes at once (1)
    tone_s     seconds of audio a take gives (0.2)
    pulsed     true: the tone comes in pulses, which pass the signal check as speech
    steps      steps that a take lasts (1)
    step_s     seconds that every step with takes lasts (0)
    gate       a path: no take ends before it exists
    ledger     a path: every take that is spoken adds its text as a line, for tests that count
    by_seed    true: the seed determines the tone
    load       what happens while it loads: "" | "raise" | "out of memory" | "exit" | "kill" | "hang"
    says       a text to print to stdout at loading and at every take
    grandchild true: start a process that outlives the worker and holds its descriptors
    remark     the engine's remark
    droppable  false: a cancelled take stays until it ends
    faults     {words: fault}: what happens to a take whose text contains these words

The faults of a take:

    "fail"           it fails; another seed may do better
    "fail first"     the first take of that text in this process fails, the next is spoken
    "refuse"         it fails; no seed can do better
    "silent" "nan" "short"   it is spoken, as unusable audio
    "raise" "out of memory" "memory error" "torch's"  the engine raises; "torch's" as torch does
    "stranger"       the engine ends a take that it does not have
    "exit" "kill" "segv"     the process ends: by itself, by SIGKILL, by a segmentation fault
    "hang"           a busy loop that never ends
    "corrupt" "ready again"  on the worker's socket: bytes that are no frame; an unexpected message
    "steps"          it never ends, though the engine steps
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fishd.engines.protocol import EngineError, Failed, OutOfMemory, Spoken, Take
from fishd.wire.channel import encode
from fishd.wire.messages import Ready

SAMPLE_RATE = 16_000
GATE_PAUSE_S = 0.002
_DEFAULTS: dict[str, Any] = {
    "capacity": 1,
    "tone_s": 0.2,
    "pulsed": False,
    "steps": 1,
    "step_s": 0.0,
    "gate": "",
    "ledger": "",
    "by_seed": False,
    "load": "",
    "says": "",
    "grandchild": False,
    "remark": "",
    "droppable": True,
    "faults": {},
}


def factory(device: str, options: Mapping[str, object]) -> NoopEngine:
    return NoopEngine({**_DEFAULTS, **options})


def check_options(options: Mapping[str, object]) -> list[str]:
    """A job may set `mood`, which has no effect."""
    return [f"{key}: is not a known option; known is mood" for key in options if key != "mood"]


def check_language(language: str) -> str | None:
    return "is not spoken by this engine" if language == "xx" else None


@lru_cache
def tone(seconds: float, hertz: float = 220.0) -> NDArray[np.float32]:
    """Cached: benches measure the daemon, not the sine."""
    moments = np.arange(round(seconds * SAMPLE_RATE), dtype=np.float32) / SAMPLE_RATE
    return (0.5 * np.sin(2 * np.pi * hertz * moments)).astype(np.float32)


@lru_cache
def pulses(seconds: float) -> NDArray[np.float32]:
    """The same tone four times a second."""
    audio = tone(seconds)
    moments = np.arange(len(audio), dtype=np.float32) / SAMPLE_RATE
    return audio * np.maximum(0, np.sin(2 * np.pi * 4 * moments))


class NoopEngine:
    name = "noop"
    sample_rate = SAMPLE_RATE

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._faults: Mapping[str, str] = options["faults"]
        self.capacity: int = options["capacity"]
        self.remark: str = options["remark"]
        self.notes = (f"room for {self.capacity} takes",)
        self._left: dict[str, int] = {}  # steps, by take
        self._takes: dict[str, Take] = {}
        self._seen: set[str] = set()
        if options["droppable"]:
            self.drop = self._drop
        self._say()
        if options["grandchild"]:
            _start_grandchild()
        if options["load"]:
            _misbehave(options["load"])

    def start(self, take: Take) -> None:
        self._takes[take.id] = take
        self._left[take.id] = self._options["steps"]
        self._say()

    def step(self) -> list[Spoken | Failed]:
        if self._left and self._options["step_s"]:
            time.sleep(self._options["step_s"])
        if self._left and self._options["gate"] and not os.path.exists(self._options["gate"]):  # noqa: PTH110 - lean
            time.sleep(GATE_PAUSE_S)
            return []
        ended: list[Spoken | Failed] = []
        for name in tuple(self._left):
            self._left[name] -= 1
            if self._left[name] <= 0 and (end := self._end(self._takes[name])):
                ended.append(end)
                del self._left[name], self._takes[name]
        return ended

    def close(self) -> None:
        self._left.clear()

    def _drop(self, take_id: str) -> None:
        del self._left[take_id], self._takes[take_id]

    def _end(self, take: Take) -> Spoken | Failed | None:
        if not all(clip.exists() for clip in take.voice.clips):
            return Failed(take.id, "a reference clip is gone", retry=False)
        fault = next((fault for words, fault in self._faults.items() if words in take.text), "")
        match fault:
            case "":
                return self._spoken(take)
            case "fail" | "refuse":
                return Failed(take.id, f"it was told to {fault}", retry=fault == "fail")
            case "fail first" if take.text not in self._seen:
                self._seen.add(take.text)
                return Failed(take.id, "the first take was told to fail", retry=True)
            case "fail first":
                return Spoken(take.id, tone(self._options["tone_s"]))
            case "silent":
                return Spoken(take.id, np.zeros(SAMPLE_RATE, np.float32))
            case "nan":
                return Spoken(take.id, np.full(SAMPLE_RATE, np.nan, np.float32))
            case "short":
                return Spoken(take.id, tone(0.01))
            case "steps":
                return None
            case "stranger":
                return Failed("a stranger", "is not here", retry=False)
            case _:
                _misbehave(fault)
                return None

    def _spoken(self, take: Take) -> Spoken:
        if self._options["ledger"]:
            fd = os.open(self._options["ledger"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            os.write(fd, f"{take.text}\n".encode())
            os.close(fd)
        if self._options["pulsed"]:
            return Spoken(take.id, pulses(self._options["tone_s"]))
        hertz = 200.0 + take.seed % 1000 if self._options["by_seed"] else 220.0
        return Spoken(take.id, tone(min(self._options["tone_s"], take.limit_s), hertz))

    def _say(self) -> None:
        if self._options["says"]:
            print(self._options["says"], flush=True)


def _misbehave(how: str) -> None:
    match how:
        case "raise":
            raise EngineError("the noop engine was told to raise")
        case "out of memory":
            raise OutOfMemory("the noop engine was told to run out of memory")
        case "memory error":
            raise MemoryError
        case "torch's":
            raise type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory")
        case "exit":
            os._exit(3)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang":
            while True:
                pass
        case "corrupt":
            _socket().sendall(b"\xff" * 100)
        case "ready again":
            _socket().sendall(encode(Ready("noop", SAMPLE_RATE, 1, 0.0)))
        case _:
            raise ValueError(f"unknown fault {how!r}")


def _socket() -> socket.socket:
    """The worker's end of the socket, by the descriptor that it was started with."""
    return socket.socket(fileno=os.dup(int(sys.argv[1])))


def _start_grandchild() -> None:
    """A process that inherits every descriptor; its pid is left in the file $NOOP_GRANDCHILD."""
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    Path(os.environ["NOOP_GRANDCHILD"]).write_text(str(pid), encoding="ascii")
