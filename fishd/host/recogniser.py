"""Whether takes can be listened to as configured: the model's folder, and the packages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from fishd.core.quality.settings import QualitySettings

MODEL_FILES = ("model.bin", "tokenizer.json")  # without the latter faster-whisper would ask the network
PACKAGES = ("faster_whisper", "num2words")
FIX_PACKAGES = "pip install 'fishd[listen]'"
FIX_ENCODER = "pip install --no-deps resemblyzer"


def listening_faults(
    quality: QualitySettings, is_installed: Callable[[str], bool] = lambda name: find_spec(name) is not None
) -> Iterator[tuple[str, str]]:
    """(key of [quality], what is wrong with it and how to fix it)."""
    if quality.recogniser is not None:
        yield from (("recogniser", what) for what in _folder_faults(quality.recogniser))
        if missing := [name for name in PACKAGES if not is_installed(name)]:
            yield (
                "recogniser",
                f"needs the package {' and '.join(missing)}, which is not installed: {FIX_PACKAGES}",
            )
    if quality.listens and quality.min_similarity > 0 and not is_installed("resemblyzer"):
        what = f"needs a speaker encoder, which is not installed: {FIX_ENCODER}; or set it to 0"
        yield "min_similarity", what


def _folder_faults(folder: Path) -> Iterator[str]:
    if not folder.is_dir():
        yield f"{folder} is not a folder; a faster-whisper model has {' and '.join(MODEL_FILES)}"
    elif missing := [name for name in MODEL_FILES if not (folder / name).is_file()]:
        yield f"{folder} is no faster-whisper model: it has no {' and no '.join(missing)}"
