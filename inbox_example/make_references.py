#!/usr/bin/env python3
"""Make the reference clips of these examples: free synthetic voices, some modified with WORLD.

    apt-get install flite            # 2.2: the voices slt, rms, awb, kal16
    python inbox_example/make_references.py [FOLDER]

Each clip says what its bundle's transcript says. FOLDER is where the same tree is written; default: this
folder. SOURCES.md has the voices and their licences.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyworld
import soundfile

HERE = Path(__file__).resolve().parent
RATE = 16_000  # Hz: flite's own
LOUDNESS_DB = -20.0  # root mean square of the speech, against full scale
PEAK = 0.89  # -1 dB
PAD_S = 0.15  # silence before and after


@dataclass(frozen=True)
class Recipe:
    """A flite voice and how it is modified, as ratios to the voice itself; 1 changes nothing."""

    voice: str
    pitch: float = 1.0
    melody: float = 1.0  # spread of the log pitch about its median
    formants: float = 1.0  # above 1: a shorter vocal tract
    length: float = 1.0  # above 1: slower

    @property
    def reshapes(self) -> bool:
        return (self.pitch, self.melody, self.formants, self.length) != (1.0, 1.0, 1.0, 1.0)


RECIPES = {
    "episode/mara.wav": Recipe("slt"),
    "episode/oscar.flac": Recipe("rms"),
    "episode/edith.flac": Recipe("awb", pitch=1.55, melody=1.1, formants=1.15, length=1.12),
    "episode/pip.flac": Recipe("slt", pitch=1.5, melody=1.2, formants=1.2, length=0.95),
    "episode/moss.flac": Recipe("rms", pitch=0.72, formants=0.86, length=0.95),
    "episode/ross.flac": Recipe("awb"),
    "two-voices/ada.wav": Recipe("slt", pitch=0.86, melody=1.1, formants=0.93, length=1.05),
    "two-voices/ben.flac": Recipe("awb", pitch=0.8, formants=0.92),
    "by-convention/Curator/reference.ogg": Recipe("slt", pitch=1.12, formants=1.08, length=1.05),
    "by-convention/Guide/reference.flac": Recipe("kal16", pitch=1.05),
    "subtitled-episode/Nora/reference.flac": Recipe("slt", pitch=0.94, melody=1.2, formants=0.97),
    "subtitled-episode/Finn/reference.flac": Recipe("rms", pitch=1.15, melody=1.1, formants=1.04),
    "game-dialogue/warden.flac": Recipe("rms", pitch=0.78, formants=0.88),
    "game-dialogue/scout.flac": Recipe("slt", pitch=1.2, melody=1.15, formants=1.1, length=0.95),
    "book/Narrator/reference.flac": Recipe("awb", pitch=0.92, melody=1.1, formants=0.96, length=1.04),
}


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for name, recipe in RECIPES.items():
        audio = trim(level(reshape(speak(recipe.voice, transcript_of(HERE / name)), recipe)))
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        subtype = "VORBIS" if target.suffix == ".ogg" else "PCM_16"
        soundfile.write(target, audio, RATE, subtype=subtype)
        print(f"{name}: {len(audio) / RATE:.2f} s, {target.stat().st_size / 1000:.0f} kB")


def transcript_of(clip: Path) -> str:
    """What the clip says, from its bundle."""
    manifest = clip.parent / "job.toml"
    if not manifest.exists():
        return clip.with_suffix(".txt").read_text(encoding="utf-8").strip()
    speakers = tomllib.loads(manifest.read_text(encoding="utf-8"))["speakers"]
    speaker = next(s for s in speakers if s["reference"] == clip.name)
    if "transcript" in speaker:
        return speaker["transcript"]
    return (clip.parent / speaker["transcript_file"]).read_text(encoding="utf-8").strip()


def speak(voice: str, text: str) -> np.ndarray:
    """The voice's unmodified speech: float64 mono at RATE."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", wav.name], check=True)
        audio, rate = soundfile.read(wav.name, dtype="float64")
    assert rate == RATE, f"flite's {voice} has {rate} Hz"
    return audio


def reshape(audio: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Change pitch, melody, formants and pace by analysis and resynthesis."""
    if not recipe.reshapes:
        return audio
    f0, times = pyworld.harvest(audio, RATE)
    envelope = pyworld.cheaptrick(audio, f0, times, RATE)
    noise = pyworld.d4c(audio, f0, times, RATE)
    voiced = f0 > 0
    median = np.median(np.log(f0[voiced]))
    f0[voiced] = np.exp(median + (np.log(f0[voiced]) - median) * recipe.melody) * recipe.pitch
    return pyworld.synthesize(
        f0,
        stretch(envelope, recipe.formants),
        stretch(noise, recipe.formants),
        RATE,
        frame_period=pyworld.default_frame_period * recipe.length,
    )


def stretch(spectra: np.ndarray, ratio: float) -> np.ndarray:
    """Stretch every spectrum (frames x bins) along the frequency axis; the last bin fills the gap."""
    bins = np.arange(spectra.shape[1])
    logs = np.log(np.maximum(spectra, 1e-12))
    moved = [np.interp(bins / ratio, bins, frame) for frame in logs]
    return np.ascontiguousarray(np.exp(moved))


def level(audio: np.ndarray) -> np.ndarray:
    """The whole clip at LOUDNESS_DB, with its peak below PEAK."""
    loud = np.abs(audio) > 0.01 * np.abs(audio).max()
    rms = np.sqrt(np.mean(audio[loud] ** 2))
    audio = audio * 10 ** (LOUDNESS_DB / 20) / rms
    return audio * min(1.0, PEAK / np.abs(audio).max())


def trim(audio: np.ndarray) -> np.ndarray:
    """From just before the first sound to just after the last."""
    pad = int(PAD_S * RATE)
    loud = np.flatnonzero(np.abs(audio) > 0.005)
    return np.concatenate([np.zeros(pad), audio[loud[0] : loud[-1] + 1], np.zeros(pad)])


if __name__ == "__main__":
    main()
