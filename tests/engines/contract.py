"""The contract suite: what every engine must do.

To put an engine under contract, subclass `EngineContract` in a `test_*.py` beside this file, set `module`
(which offers `factory`, `check_options` and `check_language`), and give two class-scoped fixtures:

    class TestMyEngine(EngineContract):
        module = my_engine

        @pytest.fixture(scope="class")
        @classmethod
        def make_engine(cls):            # () -> a freshly loaded engine, as the worker would load it
            return lambda: my_engine.factory("cpu", {})

        @pytest.fixture(scope="class")
        @classmethod
        def voice(cls):                  # a Voice that the engine can use
            ...

`texts`, `limit_s` and `audible` may be overridden (a model with random weights is not audible).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from fishd.engines.protocol import Engine, Failed, Spoken, Take, Voice

Ended = Spoken | Failed
MakeEngine = Callable[[], Engine]

STEP_LIMIT = 100_000  # an engine with takes left after so many steps has hung


def speak(engine: Engine, takes: Iterable[Take]) -> list[Ended]:
    """Feed takes as the worker does: never above capacity, step by step, until all have ended."""
    waiting, in_flight, ended = list(takes), 0, []
    for _ in range(STEP_LIMIT):
        while waiting and in_flight < engine.capacity:
            engine.start(waiting.pop(0))
            in_flight += 1
        if not in_flight:
            return ended
        now = engine.step()
        in_flight -= len(now)
        ended += now
    raise AssertionError(f"{in_flight} takes have not ended after {STEP_LIMIT} steps")


def speak_one(engine: Engine, take: Take) -> Ended:
    (ended,) = speak(engine, [take])
    return ended


class EngineContract:
    """Every engine must pass these as they stand."""

    module: ModuleType
    language = "en"
    limit_s = 30.0
    audible = True
    texts = ("Good evening, and welcome.", "Thank you.", "The train leaves at nine.")

    @pytest.fixture(scope="class")
    @classmethod
    def make_engine(cls) -> MakeEngine:
        raise NotImplementedError("give the suite an engine")

    @pytest.fixture(scope="class")
    @classmethod
    def voice(cls) -> Voice:
        raise NotImplementedError("give the suite a voice")

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, make_engine: MakeEngine) -> Iterable[Engine]:
        engine = make_engine()
        yield engine
        engine.close()

    def take(self, voice: Voice, number: int = 0, text: str | None = None, seed: int = 7) -> Take:
        text = self.texts[number % len(self.texts)] if text is None else text
        return Take(f"take-{number}", voice, text, self.language, seed, self.limit_s)

    def test_an_engine_has_a_rate_and_a_capacity(self, engine: Engine) -> None:
        """The sample rate is valid for a clip, and there is room for at least one take."""
        assert 8000 <= engine.sample_rate <= 192_000
        assert engine.capacity >= 1

    def test_optional_members_have_the_right_types(self, engine: Engine) -> None:
        """Where name, notes and remark exist, they have the types that the worker expects."""
        assert isinstance(getattr(engine, "name", ""), str)
        assert isinstance(getattr(engine, "remark", ""), str)
        assert all(isinstance(note, str) for note in getattr(engine, "notes", ()))

    def test_a_step_without_takes_returns_nothing(self, engine: Engine) -> None:
        """An idle engine may be stepped."""
        assert engine.step() == []

    def test_every_take_ends_exactly_once(self, engine: Engine, voice: Voice) -> None:
        """More takes than the capacity, fed as slots become free: each ends once, and is spoken."""
        takes = [self.take(voice, n) for n in range(min(engine.capacity, 4) + 2)]
        ended = speak(engine, takes)
        assert Counter(t.id for t in takes) == Counter(e.take_id for e in ended)
        assert [] == [e for e in ended if isinstance(e, Failed)]
        assert engine.step() == []

    def test_audio_is_clean(self, engine: Engine, voice: Voice) -> None:
        """Spoken audio is finite float32 mono in -1..1, longer than 0.1 s, within its limit, not silent."""
        spoken = speak_one(engine, self.take(voice))
        assert isinstance(spoken, Spoken)
        audio = spoken.audio
        assert (np.dtype(np.float32), 1) == (audio.dtype, audio.ndim)
        assert np.isfinite(audio).all()
        assert np.abs(audio).max() <= 1.0
        assert 0.1 < len(audio) / engine.sample_rate <= self.limit_s
        if self.audible:
            assert np.sqrt(np.mean(np.square(audio))) > 1e-3

    def test_a_take_stays_within_its_limit(self, engine: Engine, voice: Voice) -> None:
        """A take that would be longer than limit_s fails or is no longer than that."""
        ended = speak_one(engine, Take("short", voice, self.texts[0], self.language, 7, 0.5))
        assert isinstance(ended, Failed) or len(ended.audio) <= 0.5 * engine.sample_rate

    def test_the_same_take_and_seed_give_identical_audio(self, engine: Engine, voice: Voice) -> None:
        """Repeating a take repeats its audio, bit for bit."""
        first, again = (speak_one(engine, self.take(voice)) for _ in range(2))
        assert isinstance(first, Spoken)
        assert isinstance(again, Spoken)
        assert np.array_equal(first.audio, again.audio)

    def test_a_fresh_engine_gives_the_same_audio(
        self, engine: Engine, make_engine: MakeEngine, voice: Voice
    ) -> None:
        """Earlier takes do not change later ones."""
        fresh = make_engine()
        first, again = speak_one(engine, self.take(voice, 1)), speak_one(fresh, self.take(voice, 1))
        fresh.close()
        assert isinstance(first, Spoken)
        assert isinstance(again, Spoken)
        assert np.array_equal(first.audio, again.audio)

    def test_a_fault_in_one_take_does_not_affect_the_others(
        self, engine: Engine, voice: Voice, tmp_path: Path
    ) -> None:
        """A voice without its clip fails its own take, with a reason; the other takes are spoken."""
        gone = Voice("no-such-clip", (tmp_path / "gone.wav",), "Nobody says this.", self.language)
        takes = [self.take(voice, 0), self.take(gone, 1), self.take(voice, 2)]
        ended = {e.take_id: e for e in speak(engine, takes)}
        assert isinstance(ended["take-0"], Spoken)
        assert isinstance(ended["take-1"], Failed)
        assert ended["take-1"].reason
        assert isinstance(ended["take-2"], Spoken)

    @pytest.mark.parametrize("text", ["...", "?!", "—", "  ", "\n", "🙂", "-", "'"])
    def test_text_without_a_word_never_raises(self, engine: Engine, voice: Voice, text: str) -> None:
        """Punctuation alone ends as Spoken or as Failed with a reason."""
        ended = speak_one(engine, self.take(voice, text=text))
        assert isinstance(ended, Spoken) or ended.reason

    def test_an_unknown_option_is_named(self) -> None:
        """check_options names the key of every unknown option."""
        faults = self.module.check_options({"no_such_option": 1, "nor_this_one": 2})
        assert 2 == len(faults)
        assert any("no_such_option" in fault for fault in faults)
        assert any("nor_this_one" in fault for fault in faults)

    def test_no_options_are_valid(self) -> None:
        """An empty mapping has no faults."""
        assert [] == self.module.check_options({})

    def test_its_language_is_supported(self) -> None:
        """The engine speaks the language of the suite's texts."""
        assert self.module.check_language(self.language) is None

    def test_close_may_be_called_twice(self, make_engine: MakeEngine) -> None:
        """Closing a closed engine does nothing."""
        engine = make_engine()
        engine.close()
        engine.close()
