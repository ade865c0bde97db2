"""Bundles with real audio, for tests of the daemon and of the commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import tomli_w

RATE = 16_000


def tone(seconds: float = 1.5, rate: int = RATE, level: float = 0.3) -> np.ndarray:
    return (level * np.sin(np.arange(round(seconds * rate)) * 2 * np.pi * 180 / rate)).astype(np.float32)


def make_bundle(
    folder: Path,
    speakers: Mapping[str, Sequence[str]] | None = None,
    audio: Mapping[str, bytes] | None = None,
    **manifest: Any,
) -> Path:
    """`speakers` has the lines of each speaker; `audio` replaces the reference of a speaker."""
    speakers = {"Ada": ["One line."]} if speakers is None else speakers
    folder.mkdir(parents=True)
    rows: list[dict[str, Any]] = []
    for name, lines in speakers.items():
        reference = folder / f"{name}.wav"
        if audio and name in audio:
            reference.write_bytes(audio[name])
        else:
            soundfile.write(reference, tone(), RATE, subtype="PCM_16")
        segments = [{"text": line} for line in lines]
        rows.append(
            {"name": name, "reference": reference.name, "transcript": "A tone.", "segments": segments}
        )
    (folder / "job.toml").write_text(tomli_w.dumps({**manifest, "speakers": rows}), encoding="utf-8")
    return folder


def make_voice(folder: Path) -> Path:
    """A speaker's folder by convention, without lines; also a voice of the library."""
    folder.mkdir(parents=True)
    soundfile.write(folder / "reference.wav", tone(), RATE, subtype="PCM_16")
    (folder / "reference.txt").write_text("A tone.", encoding="utf-8")
    return folder


def make_ready_bundle(
    folder: Path, speakers: Mapping[str, Sequence[str]] | None = None, **manifest: Any
) -> Path:
    """A bundle with `.ready` in it: it is claimed without waiting until it has settled."""
    bundle = make_bundle(folder, speakers, **manifest)
    (bundle / ".ready").touch()
    return bundle
