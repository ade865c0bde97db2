"""What a recogniser heard, judged against the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishd.core.quality.words.check import WordsChecked, check_words
from fishd.core.quality.words.readings import spell_nothing

LINE = "The ferry leaves at seven, and it will not wait for us."
MAX_WER = 0.3
SPELLED = {
    "5": ("five", "fifth"),
    "7": ("seven", "seventh"),
    "20": ("twenty", "twentieth"),
    "22": ("twenty-two", "twenty-second"),
    "105": ("one hundred and five",),
    "1000": ("one thousand",),
    "1984": ("one thousand, nine hundred and eighty-four", "nineteen eighty-four"),
}


def spell(number: str, _language: str) -> tuple[str, ...]:
    return SPELLED.get(number, ())


def check(text: str, heard: str, language: str = "en", spoken: str = "") -> WordsChecked:
    return check_words([spoken or text, text], heard, language, MAX_WER, spell)


def faults(text: str, heard: str, language: str = "en", spoken: str = "") -> list[str]:
    return [str(fault) for fault in check(text, heard, language, spoken).faults]


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        (LINE, "the ferry leaves at 7 and it will not wait for us"),
        ("It cost $20 in 1984, or 5%.", "It cost twenty dollars in nineteen eighty-four, or five percent."),
        ("It cost twenty dollars.", "It cost $20."),
        ("Dr. Smith lives on 22nd St.", "Doctor Smith lives on Twenty-second Street."),
        ("Room 105 holds 1,000 people.", "Room one hundred five holds one thousand people."),
        ("The web site’s e-mail", "The website's email."),
        ("Ça va, Zoë?", "ca va zoe"),
        ("我们明天去北京。", "我们明天去北京"),
        ("내일 부산에 갑니다.", "내일 부산에갑니다"),
        ("U.S.A.", "USA"),
        ("Wait — what…?!", "Wait, what?"),
    ],
)
def test_numbers_abbreviations_compounds_case_accents_and_punctuation_are_no_errors(text: str, heard: str):
    assert WordsChecked(0.0) == check(text, heard)


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("Siobhan called.", "Chevonne called."),  # one word of two, a name
        ("Mara!", "Maura."),
        ("Yes.", "Yeah."),
        ("The colour of the theatre is grey.", "The color of the theater is gray."),
        ("Es kostet 3,50 €.", "Es kostet drei Euro fünfzig."),  # nothing here spells German
    ],
)
def test_spellings_names_and_one_wrong_word_are_no_fault(text: str, heard: str):
    assert [] == faults(text, heard)


@pytest.mark.parametrize(
    ("text", "heard", "fault"),
    [
        (LINE, "The ferry leaves at seven and it will not", "leaves out «wait for us»"),
        (LINE, "The ferry leaves at seven, and it will not wait", "leaves out «for us»"),
        (LINE, "The ferry leaves at seven and it will not weigh", "leaves out «for us»"),
        (
            "He took the lantern from the wall, lit it with a match, and went down to the water.",
            "He took the lantern from the wall and went down to the water.",
            "leaves out «lit it with a match»",
        ),
        (
            LINE,
            "The ferry leaves at seven leaves at seven leaves at seven and it will not wait for us.",
            "repeats «leaves at seven»",
        ),
        (
            "The same box that has been dead since supper?",
            "Same box, the same box that has been dead since supper.",
            "repeats «Same box»",
        ),
        (
            "Log, ten past midnight. We are crossing the worst mile of this coast by the ears of a child.",
            "Log 10-pass midnight. We are crossing " * 3
            + "the worst mile of this coast by the ears of a child.",
            "repeats «Log 10-pass midnight. We are crossing»",
        ),
        ("To the harbour.", "harbour harbour harbour harbour harbour", "repeats «harbour»"),
        (
            LINE,
            "The ferry leaves at seven and it will not wait for us. Come back tomorrow morning please.",
            "adds «Come back tomorrow morning please»",
        ),
        ("Yes.", "Tomorrow we ride north.", "says «Tomorrow we ride north.» instead of «Yes.»"),
        (
            LINE,
            "The ferry runs past noon, but it will not wait for us.",
            "says «runs past noon, but» instead of «leaves at seven, and»",
        ),
        ("Go home now, all of you.", "", "leaves out «Go home now, all of you»"),
        ("我们明天去北京看长城。", "我们明天去北京", "leaves out «看长城»"),
    ],
)
def test_a_fault_names_only_the_part_that_differs(text: str, heard: str, fault: str):
    assert [fault] == faults(text, heard)


def test_a_long_difference_is_shortened():
    fault = faults(LINE + LINE, "Nobody here can say how those old lanterns came to hang above")

    assert "«The ferry leaves at seven, and it will not wait for us.The…»" in fault[0]


def test_the_written_and_the_spoken_text_are_both_accepted():
    written, spoken = "SQL for Nguyen and Siobhan", "sequel for Win and Shivawn"

    assert WordsChecked(0.0) == check(written, spoken, spoken=spoken)
    assert WordsChecked(0.0) == check(written, written, spoken=spoken)


def test_words_that_a_text_repeats_itself_may_be_repeated():
    assert [] == faults("Never, never, never, never do that!", "Never, never, never, never do that.")


def test_a_repeated_name_may_be_misheard_twice():
    rest = "I can hear your whistle! I have half the village out on the pier with lanterns and kettles."

    assert [] == faults(f"Marigold, Marigold, {rest}", f"There a gold, there a gold, {rest}")


def test_a_laugh_of_another_length_is_no_fault():
    assert [] == faults("Ha ha ha, good one.", "Ha ha ha ha ha, good one.")


@pytest.mark.parametrize(("text", "heard"), [("What?", "Not yet."), ("Ah, yes.", "I'm guess.")])
def test_a_sigh_that_is_heard_as_other_short_words_is_no_fault(text: str, heard: str):
    assert () == check(text, heard).faults
    assert ["says «It will not wait.» instead of «What?»"] == faults("What?", "It will not wait.")


def test_what_whisper_invents_in_the_silence_after_a_line_is_ignored():
    assert WordsChecked(0.0) == check(LINE, f"{LINE} Thank you.")
    assert WordsChecked(0.0) == check("No, thank you.", "No, thank you.")


@pytest.mark.parametrize(
    ("text", "heard"),
    [("…", "you"), ("♪", ""), ("Hmm.", ""), ("Здравствуйте, друзья", "Zdravstvuyte druzya"), ("!?", "!?")],
)
def test_what_no_recogniser_can_judge_is_unjudged(text: str, heard: str):
    assert WordsChecked(None) == check(text, heard)


def test_the_severity_of_a_lost_ending_grows_with_what_is_lost():
    def severity(heard: str) -> float:
        return check(LINE, heard).faults[0].severity

    assert (
        0.4 < severity("The ferry leaves at seven and it will not wait") < severity("The ferry leaves") <= 1
    )


TEXTS = st.text(max_size=80) | st.lists(
    st.sampled_from(["ferry", "7", "$20", "3.5", "Dr.", "22nd", "été", "北", "京", "%", "don’t", "—", "नमस्ते"])
).map(" ".join)


@given(TEXTS, st.sampled_from(["en", "de", "ja", "xx", ""]))
def test_every_text_agrees_with_itself(text: str, language: str):
    checked = check_words([text], text, language, MAX_WER, spell)

    assert checked in (WordsChecked(0.0), WordsChecked(None))


@given(TEXTS, TEXTS, st.sampled_from(["en", "de", "ja", "xx", ""]))
def test_any_two_texts_can_be_compared(text: str, heard: str, language: str):
    checked = check_words([text], heard, language, MAX_WER, spell)

    assert checked.wer is None or checked.wer >= 0
    assert all(0 < fault.severity <= 1 for fault in checked.faults)


WORDS = st.lists(st.sampled_from(["ferry", "harbour", "lantern", "seven", "water", "match", "wall", "night"]))


@given(WORDS.filter(lambda words: len(words) > 5))
def test_a_lost_ending_is_always_a_fault(words: list[str]):
    heard = words[:-2]

    assert [] != check_words([" ".join(words)], " ".join(heard), "en", MAX_WER, spell_nothing).faults


@given(WORDS, st.integers(0, 3))
def test_case_and_punctuation_never_matter(words: list[str], number: int):
    mark = ",.!?"[number]

    assert check_words([f"{mark} ".join(words).upper()], " ".join(words), "en", MAX_WER) in (
        WordsChecked(0.0),
        WordsChecked(None),
    )
