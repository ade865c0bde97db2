"""Speech recognition with faster-whisper, on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fishd.listener.audio import SAMPLE_RATE, Samples

_CODES = {"cmn": "zh", "cn": "zh", "jp": "ja", "nb": "no", "iw": "he", "jv": "jw", "fil": "tl"}
_WINDOW_S = 30.0
_TEMPERATURES = (0.0, 0.2, 0.4)  # again where the first result repeats itself or is unlikely; few, for time


class Recogniser:
    """One model, and the languages that it knows."""

    def __init__(self, folder: Path) -> None:
        """Raises what faster-whisper raises for a folder that is no model."""
        from faster_whisper import WhisperModel

        self._model: Any = WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True
        )
        self._languages = frozenset(self._model.supported_languages)

    def knows(self, language: str) -> bool:
        return _code(language) in self._languages

    def recognise(self, samples: Samples, language: str, *, carefully: bool = False) -> str:
        """The words of a clip in a language that it knows.

        Whisper may miss a phrase at either end of a clip; `carefully`, with timestamps and a wider search, it
        misses others.
        """
        segments, _ = self._model.transcribe(
            samples,
            language=_code(language),
            temperature=_TEMPERATURES,
            condition_on_previous_text=False,  # else a mistake is carried on
            beam_size=5 if carefully else 1,
            without_timestamps=not carefully and len(samples) < _WINDOW_S * SAMPLE_RATE,
        )
        return " ".join(segment.text.strip() for segment in segments)


def _code(language: str) -> str:
    """As Whisper names it: "en-US" -> "en", "cmn" -> "zh"."""
    first = language.lower().replace("_", "-").partition("-")[0]
    return _CODES.get(first, first)
