"""The preview engine under the contract that every engine keeps."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.engines.contract import EngineContract, MakeEngine, speak_one
from hibari import Hibari

from fishd.engines import preview
from fishd.engines.protocol import Failed, Spoken, Take, Voice

TRANSCRIPT = "The quick brown fox jumped over the lazy dog while the rain fell on the roof."


@pytest.fixture(scope="module")
def deep_voice(tmp_path_factory: pytest.TempPathFactory) -> Voice:
    """A clip of a deeper voice: hibari, played a fifth slower."""
    clip = tmp_path_factory.mktemp("voice") / "clip.wav"
    soundfile.write(clip, Hibari()(TRANSCRIPT, speed=1.2, seed=0), 20_000)
    return Voice("a-deeper-voice", (clip,), TRANSCRIPT, "en")


class TestPreview(EngineContract):
    module = preview

    @pytest.fixture(scope="class")
    @classmethod
    def make_engine(cls) -> MakeEngine:
        return lambda: preview.factory("cpu", {})

    @pytest.fixture(scope="class")
    @classmethod
    def voice(cls, deep_voice: Voice) -> Voice:
        return deep_voice
