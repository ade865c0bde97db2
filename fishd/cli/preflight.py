"""Asking a process of its own, as a worker is one: audio and engines never come into this one.

See `fishd/worker/check.py` for the other end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from fishd.wire.messages import CheckOptions, FromWorker, Inspect, Inspected, Load

Question = Inspect | CheckOptions | Load
BASE_S = 60.0
EACH_S = 30.0


@dataclass(frozen=True, slots=True)
class Answers:
    """In the questions' order, as far as they came; `end` says in words why the others did not."""

    given: tuple[FromWorker, ...]
    end: str = ""


def ask(
    engine: str, questions: Sequence[Question], env: Mapping[str, str], limit_s: float | None = None
) -> Answers:
    """Put the questions to one new process; `env` goes on top of our own environment."""
    limit_s = limit_s or BASE_S + EACH_S * len(questions)
    end = ""
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "fishd.worker.check", engine],
            input=b"".join(msgspec.json.encode(question) + b"\n" for question in questions),
            capture_output=True,
            env={**os.environ, **env},
            timeout=limit_s,
            check=False,
        )
        said = ended.stdout
        if ended.returncode:
            end = _end(ended.returncode, ended.stderr)
    except subprocess.TimeoutExpired as error:
        said, end = error.stdout or b"", f"took longer than {limit_s:.0f} s"
    lines = said[: said.rfind(b"\n") + 1].splitlines()
    return Answers(tuple(msgspec.json.decode(line, type=FromWorker) for line in lines), end)


def inspect_all(
    engine: str, clips: Sequence[Inspect], asked: Callable[..., Answers] = ask
) -> dict[str, Inspected]:
    """What each clip is, by its question's id. One that breaks the decoder is said, and the rest go on."""
    found: dict[str, Inspected] = {}
    left = list(clips)
    while left:
        answers = asked(engine, left, {"CUDA_VISIBLE_DEVICES": ""})
        found |= {answer.id: answer for answer in answers.given if isinstance(answer, Inspected)}
        left = left[len(answers.given) :]
        if left:
            found[left[0].id] = Inspected(
                left[0].id, 0.0, fault=f"broke the process that decodes it: {answers.end}"
            )
            left = left[1:]
    return found


def _end(code: int, stderr: bytes) -> str:
    if code < 0:
        return f"it was ended by {signal.Signals(-code).name}"
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"it ended with code {code}"
