"""Reference clips in the real daemon: unusable ones reject the job, unusual ones are warnings."""

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


UNUSABLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "text": (lambda: b"this is not audio", "not audio that can be read"),
    "nothing": (lambda: b"", "is empty (0 bytes)"),
    "silent": (lambda: encoded(np.zeros(2 * RATE, np.float32)), "is silent"),
    "nan": (lambda: encoded(np.full(2 * RATE, np.nan, np.float32), subtype="FLOAT"), "not numbers"),
    "short": (lambda: encoded(tone(0.2)), "is 0.20 s long; at least 1 s"),
}


def test_every_unusable_clip_of_a_bundle_is_reported_together(tmp_path: Path) -> None:
    """The job is rejected with one error for each clip; the bundle is kept in the archive."""
    audio = {name: make() for name, (make, _) in UNUSABLE.items()}
    bundle = make_bundle(tmp_path / "bad", {name: ["A line."] for name in UNUSABLE}, audio)
    with running_daemon(tmp_path / "daemon") as daemon:
        daemon.drop(bundle)
        result = daemon.wait_for_result("bad")
        archived = daemon.spool / "archive" / "bad"
        daemon.wait_until(archived.exists, "the bundle in the archive")
    errors = {error["where"]: error["what"] for error in result["errors"]}
    assert result["status"] == "rejected"
    assert len(errors) == len(UNUSABLE)
    for name, (_, expected) in UNUSABLE.items():
        assert expected in errors[f"{name}.wav"]


@pytest.mark.parametrize(
    ("name", "make", "expected"),
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
def test_unusual_audio_is_accepted_with_a_warning_where_it_matters(
    tmp_path: Path, name: str, make: Callable[[], bytes], expected: str | None
) -> None:
    """8 bits and MP3 under a .wav name are warnings; stereo and 192 kHz are not."""
    bundle = make_bundle(tmp_path / name, {"Ada": ["A line."]}, {"Ada": make()})
    with running_daemon(tmp_path / "daemon") as daemon:
        daemon.drop(bundle)
        result = daemon.wait_for_result(name)
    assert result["status"] == "done"
    warnings = [warning["what"] for warning in result["warnings"]]
    if expected is None:
        assert [] == warnings
    else:
        assert any(expected in warning for warning in warnings)
