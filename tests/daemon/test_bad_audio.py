"""Reference clips that cannot serve: the job is rejected, each fault with its place, and nothing is lost."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.daemon.bundles import RATE, make_bundle, tone
from tests.daemon.daemon_process import running_daemon


def encoded(audio: np.ndarray, rate: int = RATE, kind: str = "WAV", subtype: str | None = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, audio, rate, format=kind, subtype=subtype)
    return file.getvalue()


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "text": (lambda: b"this is no audio at all", "not audio that can be read"),
    "nothing": (lambda: b"", "is empty (0 bytes)"),
    "silent": (lambda: encoded(np.zeros(2 * RATE, np.float32)), "is silent"),
    "nan": (lambda: encoded(np.full(2 * RATE, np.nan, np.float32), subtype="FLOAT"), "not numbers"),
    "short": (lambda: encoded(tone(0.2)), "is 0.20 s long; at least 1 s"),
}


def test_every_bad_clip_of_a_bundle_is_reported_at_once(tmp_path: Path) -> None:
    """One report names all of them; the bundle is kept in the archive."""
    audio = {name: make() for name, (make, _) in BAD.items()}
    bundle = make_bundle(tmp_path / "bad", {name: ["A line."] for name in BAD}, audio)
    with running_daemon(tmp_path / "daemon") as daemon:
        daemon.drop(bundle)
        result = daemon.wait_for_result("bad")
        archived = daemon.spool / "archive" / "bad"
        daemon.wait_until(archived.exists, "the bundle in the archive")
    errors = {error["where"]: error["what"] for error in result["errors"]}
    assert result["status"] == "rejected"
    assert len(errors) == len(BAD)
    for name, (_, words) in BAD.items():
        (what,) = [
            what
            for where, what in errors.items()
            if f"{name}.wav" in where or f"{list(BAD).index(name)}" in where
        ]
        assert words in what


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("eight", lambda: encoded(tone(), subtype="PCM_U8"), "8-bit"),
        ("stereo", lambda: encoded(np.stack([tone(), tone()], 1)), None),
        ("high", lambda: encoded(tone(1.5, 192_000), 192_000), None),
        (
            "disguised",
            lambda: encoded(tone(1.5, 24_000), 24_000, "MP3", None),
            "holds MP3 audio under the name .wav",
        ),
    ],
)
def test_odd_audio_is_taken_and_the_oddity_said(
    tmp_path: Path, name: str, make: Callable[[], bytes], words: str | None
) -> None:
    """8-bit, stereo, 192 kHz, and mp3 under a wav name are spoken; what matters of it is a warning."""
    bundle = make_bundle(tmp_path / name, {"Ada": ["A line."]}, {"Ada": make()})
    with running_daemon(tmp_path / "daemon") as daemon:
        daemon.drop(bundle)
        result = daemon.wait_for_result(name)
    assert result["status"] == "done"
    said = [warning["what"] for warning in result["warnings"]]
    assert [what for what in said if words and words in what] if words else said == []
