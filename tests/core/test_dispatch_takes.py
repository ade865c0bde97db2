"""The limit and the seed of a take."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fishd.core.dispatch.actions import SendTake
from fishd.core.dispatch.takes import limit_s, take_seed
from tests.core.dispatcher_driver import Driver, make_job, of

TEXTS = st.text(min_size=1, max_size=300)


def test_a_longer_text_has_a_longer_limit():
    """From three seconds for no text to three minutes at most."""
    assert 3.0 == limit_s("")
    assert limit_s("Hm.") < limit_s("Good evening, and welcome.") < limit_s("x" * 1000)
    assert 180.0 == limit_s("x" * 100_000)


def test_han_characters_and_digits_take_longer_than_letters():
    """Each is a word, or nearly."""
    assert limit_s("晚上好欢迎大家") > limit_s("abcdefg")
    assert limit_s("1234567") > limit_s("abcdefg")


def test_a_slow_reader_stays_within_the_limit():
    """At a slow 100 words a minute, this text takes 5.5 s."""
    assert 5.5 < limit_s("Good evening, and welcome to the third episode.") < 15.0


@given(TEXTS)
def test_the_limit_is_bounded_whatever_the_text(text: str):
    """Emoji, control characters and surrogates included."""
    assert 3.0 <= limit_s(text) <= 180.0


@given(st.text(), st.integers(1, 5))
def test_a_seed_is_a_63_bit_number(text: str, take: int):
    """The same in every run."""
    seed = take_seed("voice", "en", text, take)
    assert 0 <= seed < 2**63
    assert seed == take_seed("voice", "en", text, take)


def test_every_take_has_its_own_seed():
    """It depends on voice, language, text and the number of the attempt."""
    seeds = {
        take_seed("voice", "en", "Good evening.", 1),
        take_seed("voice", "en", "Good evening.", 2),
        take_seed("voice", "de", "Good evening.", 1),
        take_seed("other", "en", "Good evening.", 1),
        take_seed("voice", "en", "Good morning.", 1),
    }
    assert 5 == len(seeds)


def test_the_formula_of_seeds_does_not_change():
    """Another formula would change every clip that is spoken again."""
    assert 7534479837363444672 == take_seed("voice", "en", "Good evening.", 1)


def test_a_text_with_a_lone_surrogate_has_a_seed():
    """As Python decodes a byte that is not UTF-8."""
    assert take_seed("voice", "en", "\udcff", 1) > 0


def test_a_retried_job_gets_other_seeds() -> None:
    """Else a take that failed by its seed alone would fail again."""
    job = make_job()
    seeds = set[int]()
    for retry in range(3):
        driver = Driver()
        driver.start()
        (take,) = of(SendTake, driver.arrive(replace(job, retry=retry)))
        seeds.add(take.seed)
    assert 3 == len(seeds)
