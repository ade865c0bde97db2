"""The fish engine with a tiny checkpoint passes the contract suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishd.engines import fish
from fishd.engines.protocol import Voice
from tests.engines.contract import EngineContract
from tests.engines.fish_checkpoint import make_tiny
from tests.engines.fish_parts import make_voice


class TestFish(EngineContract):
    module = fish

    @pytest.fixture(scope="class")
    @classmethod
    def make_engine(cls, tmp_path_factory: pytest.TempPathFactory):
        checkpoint: Path = make_tiny(tmp_path_factory.mktemp("tiny"))
        options = {"checkpoint": str(checkpoint), "precision": "float32", "slots": 4}
        return lambda: fish.factory("cpu", options)

    @pytest.fixture(scope="class")
    @classmethod
    def voice(cls, tmp_path_factory: pytest.TempPathFactory) -> Voice:
        return make_voice(tmp_path_factory.mktemp("voice"), "a-voice")

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, make_engine):
        engine = make_engine()
        yield engine
        engine.close()
