"""Runs the assembly process on a request, and decodes what it has written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from fishd.core.delivery.settings import DeliverySettings
from fishd.wire.assembly import (
    AssemblyAnswer,
    AssemblyFault,
    AssemblyLine,
    AssemblyRequest,
    AssemblyResult,
    AssemblySpeaker,
)
from tests.assembly.sounds import RATE, write


@dataclass(frozen=True, slots=True)
class Ended:
    """How the process ended, and all that it answered."""

    status: int
    answers: tuple[AssemblyAnswer, ...]
    errors: str

    @property
    def result(self) -> AssemblyResult:
        assert isinstance(self.answers[-1], AssemblyResult), self.answers[-1]
        return self.answers[-1]

    @property
    def fault(self) -> AssemblyFault:
        assert isinstance(self.answers[-1], AssemblyFault), self.answers[-1]
        return self.answers[-1]


def request(
    folder: Path,
    *speakers: Sequence[NDArray[np.int16] | None],
    rate: int = RATE,
    clip_format: str | None = "wav",
    stems: str | None = None,
    settings: Mapping[str, Any] | None = None,
    lines: Mapping[tuple[int, int], Mapping[str, Any]] | None = None,
    **options: Any,
) -> AssemblyRequest:
    """Speakers A, B, … who say these clips one after the other; `lines` adds keys to speaker s's line n."""
    names = [chr(ord("A") + s) if s < 26 else f"S{s}" for s in range(len(speakers))]
    made: list[AssemblyLine] = []
    for s, (name, clips) in enumerate(zip(names, speakers, strict=True)):
        for n, samples in enumerate(clips):
            path = None if samples is None else f"clips/{name}/{n:03}.wav"
            if path is not None:
                write(folder / "raw" / path, samples, rate)
            published = None if clip_format is None else f"clips/{name}/{n:03}.{clip_format}"
            keys = dict((lines or {}).get((s, n), {}))
            made.append(AssemblyLine(s, f"{n:03}", f"{name} says {n}.", path, published, **keys))
    return AssemblyRequest(
        source=str(folder / "raw"),
        target=str(folder / "out"),
        settings=DeliverySettings(**dict(settings or {})),
        speakers=tuple(AssemblySpeaker(name, stems and f"tracks/{name}.{stems}") for name in names),
        lines=tuple(made),
        **options,
    )


def command(request: AssemblyRequest, parent: int | None = None) -> list[str]:
    path = Path(request.target).with_name("request.json")
    path.write_bytes(msgspec.json.encode(request))
    return [sys.executable, "-m", "fishd.assembly", str(path), str(parent or os.getpid())]


def assemble(request: AssemblyRequest, **environment: str) -> Ended:
    done = subprocess.run(
        command(request), check=False, capture_output=True, env=os.environ | environment, timeout=100
    )
    answers = tuple(msgspec.json.decode(line, type=AssemblyAnswer) for line in done.stdout.splitlines())
    return Ended(done.returncode, answers, done.stderr.decode())


def assembled(request: AssemblyRequest) -> AssemblyResult:
    """Of a request that must succeed."""
    ended = assemble(request)
    assert ended.status == 0, ended
    return ended.result


def read(request: AssemblyRequest, path: str) -> NDArray[np.int16]:
    """A wav or flac below the target."""
    return soundfile.read(Path(request.target, path), dtype="int16")[0]


def decoded(request: AssemblyRequest, path: str, rate: int = RATE) -> NDArray[np.float32]:
    """Any audio file below the target, as ffmpeg plays it, on the scale of 16 bits."""
    heard = ffmpeg("-v", "error", "-i", Path(request.target, path), "-ar", rate, "-f", "f32le", "-")
    return np.frombuffer(heard.stdout, np.float32) * 32768


def warnings_of(request: AssemblyRequest, path: str) -> str:
    """What ffmpeg has to say when it plays the file."""
    played = ffmpeg("-v", "warning", "-i", Path(request.target, path), "-f", "null", "-")
    return played.stderr.decode()


def loudness_of(path: Path) -> tuple[float, float]:
    """LUFS and dBTP as ffmpeg measures them."""
    said = ffmpeg("-nostats", "-i", path, "-af", "ebur128=peak=true", "-f", "null", "-").stderr.decode()
    return float(re.findall(r"I: +(-?[\d.]+) LUFS", said)[-1]), float(re.findall(r"Peak: +(\S+)", said)[-1])


def ffmpeg(*arguments: object, tool: str = "ffmpeg") -> subprocess.CompletedProcess[bytes]:
    """Run ffmpeg or ffprobe; skip the test where it is not installed."""
    if shutil.which(tool) is None:
        pytest.skip(f"there is no {tool} here")
    words = [tool, "-nostdin"] if tool == "ffmpeg" else [tool]
    return subprocess.run([*words, *map(str, arguments)], check=True, capture_output=True)
