"""Fountain screenplays: what the characters say, and nothing else."""

from __future__ import annotations

from fishd.spool.bundle.scripts.model import Break, ScriptLine
from tests.shell.scripts import faults_of, good, read, said

SCREENPLAY = """Title:
    _**The Last Light**_
Credit: written by
Author: A. Writer
Draft date: 1/20/2012

FADE IN:

# Act One

= A synopsis.

INT. KITCHEN - NIGHT

Mara waits. /* a cut
of two lines */ It rains.

MARA
(quietly)
Who is *it*?
I _know_ you a__b. [[a note]]

BOB (V.O.)
It's me.
(beat)
Open up.

@McAllister (CONT'D)
Not \\*here\\*.

MARA ^
Wait!

EXT. STREET - DAY

OLD MAN (O.S.)
[coughs]
~La la la
Well.
\x20\x20
Well.

> THE END <

!SHE RUNS
and falls.

CUT TO:
"""


def test_dialogue_is_spoken() -> None:
    """With the places of its lines; scenes are parted as paragraphs are."""
    script = read("a.fountain", SCREENPLAY)
    assert ((), ()) == (script.faults, script.warnings)
    assert ("The Last Light", "A. Writer", ()) == (script.title, script.author, script.chapters)
    assert (
        ScriptLine("a.fountain:20", "Who is it? I know you a__b.", "MARA", break_before=Break.PARAGRAPH),
        ScriptLine("a.fountain:24", "It's me. Open up.", "BOB"),
        ScriptLine("a.fountain:29", "Not *here*.", "McAllister"),
        ScriptLine("a.fountain:32", "Wait!", "MARA"),
        ScriptLine("a.fountain:37", "[coughs]", "OLD MAN", break_before=Break.PARAGRAPH, is_skipped=True),
        ScriptLine("a.fountain:38", "La la la", "OLD MAN", is_skipped=True),
        ScriptLine("a.fountain:39", "Well. Well.", "OLD MAN"),
    ) == script.lines


def test_an_alias_with_its_extension_is_kept() -> None:
    """BOB (V.O.) may have another voice than BOB."""
    content = "BOB (V.O.)\nOne.\n\nBOB (O.S.)\nTwo.\n\nbob (v.o.)\nThree.\n"
    assert [("BOB (V.O.)", "One."), ("BOB", "Two."), ("bob (v.o.)", "Three.")] == said(
        good("a.fountain", content, speakers=("Bob (V.O.)",))
    )


def test_a_known_character_need_not_stand_in_capitals() -> None:
    """Not all scripts have them."""
    assert [("张三", "你好。")] == said(good("a.fountain", "张三\n你好。\n", speakers=("张三",)))


def test_songs_are_spoken_if_the_settings_say_so() -> None:
    """The settings name what is skipped, in place of sounds and songs."""
    content = "MARA\n~La la\n[sighs]\n"
    assert [("MARA", "La la"), ("MARA", "[sighs]")] == said(good("a.fountain", content, skip=()))
    assert [("MARA", "<La la>"), ("MARA", "[sighs]")] == said(good("a.fountain", content, skip=("~",)))


def test_a_screenplay_without_dialogue_is_a_fault() -> None:
    """There is nothing to speak."""
    assert ["a.fountain: holds nothing to speak"] == faults_of(read("a.fountain", "FADE IN:\n\nIt rains.\n"))


def test_unclosed_comments_are_text() -> None:
    """A note that is opened a million times costs no more than a long text."""
    assert [("MARA", "Hello.")] == said(
        good("a.fountain", "MARA\nHello.\n\n" + "/*" * 500_000 + "[[" * 500_000)
    )
