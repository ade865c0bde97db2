"""Whether takes can be listened to as configured."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishd.core.quality.settings import QualitySettings
from fishd.host.recogniser import listening_faults


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for name in ("model.bin", "tokenizer.json"):
        (tmp_path / name).touch()
    return tmp_path


def faults(settings: QualitySettings, *missing: str) -> list[tuple[str, str]]:
    return list(listening_faults(settings, lambda name: name not in missing))


def test_a_model_with_its_packages_is_good(model: Path) -> None:
    assert [] == faults(QualitySettings("listen", model, min_similarity=0.6))
    assert [] == faults(QualitySettings(), "faster_whisper", "num2words", "resemblyzer")


def test_a_missing_package_is_named_with_its_installation(model: Path) -> None:
    assert [
        (
            "recogniser",
            "needs the package faster_whisper, which is not installed: pip install 'fishd[listen]'",
        )
    ] == faults(QualitySettings("listen", model), "faster_whisper")


def test_a_judged_voice_needs_the_speaker_encoder(model: Path) -> None:
    what = (
        "needs a speaker encoder, which is not installed: pip install --no-deps resemblyzer; or set it to 0"
    )
    assert [("min_similarity", what)] == faults(
        QualitySettings("listen", model, min_similarity=0.6), "resemblyzer"
    )
    assert [] == faults(QualitySettings("listen", model), "resemblyzer")


def test_a_folder_without_a_model_file_is_named_with_what_it_lacks(model: Path) -> None:
    (model / "tokenizer.json").unlink()

    assert [("recogniser", f"{model} is no faster-whisper model: it has no tokenizer.json")] == faults(
        QualitySettings("listen", model)
    )
