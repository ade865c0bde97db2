"""What can be said of a text before it is spoken."""

from hypothesis import given
from hypothesis import strategies as st

from fishd.core.dispatch.takes import limit_s, take_seed

WORDS = st.text(min_size=1, max_size=300)


def test_a_longer_text_may_become_longer_audio():
    """Three seconds for nothing, three minutes at most."""
    assert 3.0 == limit_s("")
    assert limit_s("Hm.") < limit_s("Good evening, and welcome.") < limit_s("x" * 1000)
    assert 180.0 == limit_s("x" * 100_000)


def test_writing_that_says_more_in_a_sign_may_take_longer():
    """Han characters and digits are words, or nearly."""
    assert limit_s("晚上好欢迎大家") > limit_s("abcdefg")
    assert limit_s("1234567") > limit_s("abcdefg")


def test_a_slow_reader_stays_within_the_limit():
    """A hundred words a minute is slow: 46 letters and blanks are 5.5 s of it."""
    assert 5.5 < limit_s("Good evening, and welcome to the third episode.") < 15.0


@given(WORDS)
def test_the_limit_is_bounded_whatever_the_text(text: str):
    """Emoji, controls, surrogates: always a number of seconds that an engine can plan for."""
    assert 3.0 <= limit_s(text) <= 180.0


@given(st.text(), st.integers(1, 5))
def test_a_seed_is_what_engines_take(text: str, take: int):
    """Any integer in 0 .. 2**63 - 1, the same in every run."""
    seed = take_seed("voice", "en", text, take)
    assert 0 <= seed < 2**63
    assert seed == take_seed("voice", "en", text, take)


def test_every_take_has_a_seed_of_its_own():
    """Another attempt, voice, language or text: another seed."""
    seeds = {
        take_seed("voice", "en", "Good evening.", 1),
        take_seed("voice", "en", "Good evening.", 2),
        take_seed("voice", "de", "Good evening.", 1),
        take_seed("other", "en", "Good evening.", 1),
        take_seed("voice", "en", "Good morning.", 1),
    }
    assert 5 == len(seeds)


def test_the_seed_is_known():
    """A change of the formula would change every re-made clip: it must be on purpose."""
    assert 7534479837363444672 == take_seed("voice", "en", "Good evening.", 1)


def test_a_text_with_a_lone_surrogate_has_a_seed():
    """What Python makes of a stray byte does not stop a job."""
    assert take_seed("voice", "en", "\udcff", 1) > 0
