"""Builders of bundles whose audio is never decoded: a good one, and ones with faults."""

from __future__ import annotations

import os
from pathlib import Path

from fishd.spool.bundle.load import LoadedBundle, read_bundle

SOUND = b"RIFF....WAVEfmt "

GOOD = """
title = "Episode 3"
[[speakers]]
name = "Alice"
reference = "alice.wav"
transcript = "What Alice says."
  [[speakers.segments]]
  text = "Good evening, and welcome."
[[speakers]]
name = "Bob"
reference = "bob.flac"
transcript_file = "bob.txt"
segments_file = "bob_lines.txt"
"""


def write_bundle(folder: Path, manifest: str | bytes = GOOD, **files: str | bytes | None) -> Path:
    """The good bundle, with another manifest or other files (None: without this file; keys as alice_wav)."""
    content: dict[str, str | bytes | None] = {
        "alice.wav": SOUND,
        "bob.flac": SOUND + b"bob",
        "bob.txt": "What Bob says.",
        "bob_lines.txt": "One line.\nAnother line.\n",
    }
    content |= {".".join(key.rsplit("_", 1)): value for key, value in files.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {"job.toml": manifest, **content}.items():
        if text is not None:
            (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def write_convention(folder: Path, *names: str) -> Path:
    """A bundle without a manifest."""
    for name in names or ("Alice", "Bob"):
        speaker = folder / name
        speaker.mkdir(parents=True)
        (speaker / "reference.wav").write_bytes(SOUND + os.fsencode(name))
        (speaker / "reference.txt").write_text(f"What {name} says.", errors="replace")
        (speaker / "lines.txt").write_text("One.\n\nTwo.\n")
    return folder


def one_speaker(**keys: str) -> str:
    """A manifest of one speaker with these TOML values ("": without this key) instead of the good ones."""
    values = {
        "name": '"Alice"',
        "reference": '"alice.wav"',
        "transcript": '"What Alice says."',
        "segments": '[{ text = "Hello." }]',
    } | keys
    return "[[speakers]]\n" + "".join(f"{key} = {value}\n" for key, value in values.items() if value)


def faults_of(loaded: LoadedBundle) -> list[str]:
    """The faults as they are shown to the user."""
    return [str(fault) for fault in loaded.faults]


def faults_in(folder: Path, manifest: str | bytes, **files: str | bytes | None) -> list[str]:
    """The faults of the good bundle with this manifest and these files."""
    return faults_of(read_bundle(write_bundle(folder / "NAME", manifest, **files), "NAME"))


def names_in(folder: Path) -> list[str]:
    """The names of the files in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())
