"""The no-op engine passes the contract suite, and misbehaves as its options say."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fishd.engines.protocol import Failed, Spoken, Take, Voice
from tests.engines import noop
from tests.engines.contract import EngineContract, speak, speak_one


class TestNoop(EngineContract):
    module = noop

    @pytest.fixture(scope="class")
    @classmethod
    def make_engine(cls) -> Callable[[], noop.NoopEngine]:
        return lambda: noop.factory("cpu", {"capacity": 2})

    @pytest.fixture(scope="class")
    @classmethod
    def voice(cls, tmp_path_factory: pytest.TempPathFactory) -> Voice:
        clip: Path = tmp_path_factory.mktemp("voice") / "clip.wav"
        clip.touch()
        return Voice("key", (clip,), "What is said.", "en")


def take(text: str) -> Take:
    return Take(text, Voice("key", (), "", "en"), text, "en", 7, 10.0)


def test_takes_end_as_the_options_say() -> None:
    """Words in a text choose its fault."""
    engine = noop.factory("cpu", {"faults": {"bad": "fail", "never": "refuse", "twice": "fail first"}})
    assert isinstance(speak_one(engine, take("good")), Spoken)
    assert Failed("a bad one", "it was told to fail", retry=True) == speak_one(engine, take("a bad one"))
    assert Failed("never", "it was told to refuse", retry=False) == speak_one(engine, take("never"))
    ends = [type(speak_one(engine, take("twice"))) for _ in range(2)]
    assert [Failed, Spoken] == ends


def test_a_gate_holds_takes_back(tmp_path: Path) -> None:
    """No take ends before the file exists."""
    gate = tmp_path / "gate"
    engine = noop.factory("cpu", {"gate": str(gate)})
    engine.start(take("a"))
    assert [] == engine.step()
    gate.touch()
    assert ["a"] == [end.take_id for end in engine.step()]


def test_a_take_may_last_several_steps() -> None:
    """Three steps, then it ends."""
    engine = noop.factory("cpu", {"steps": 3})
    engine.start(take("a"))
    assert [0, 0, 1] == [len(engine.step()) for _ in range(3)]
    assert 1 == len(speak(engine, [take("b")]))
