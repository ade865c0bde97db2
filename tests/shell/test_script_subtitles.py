"""Subtitles: a cue is a line with its times, and what is no speech in it is removed or skipped."""

from __future__ import annotations

import pytest

from fishd.spool.bundle.scripts.model import ScriptLine
from tests.shell.scripts import good, read, said, srt, texts, warnings_of

ASS = """[Script Info]
Title: Episode 3
[V4+ Styles]
Format: Name, Fontname
Style: Default,Arial
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""

# A cue's text, and (speaker, text) of the lines that it becomes.
CUES = {
    "two text lines": ("Hello\nthere.", [("", "Hello there.")]),
    "tags": ("<i>Hello</i> {\\an8}<font color='#fff'>you</font>{y:i}", [("", "Hello you")]),
    "a break tag": ("Hello<br/>you", [("", "Hello you")]),
    "what is no tag": ("I <3 you & 2 < 3", [("", "I <3 you & 2 < 3")]),
    "entities": ("Tom &amp; Jerry&#8217;s&nbsp;&hearts;", [("", "Tom & Jerry’s ♥")]),
    "invisible characters": ("\u200eHe\u00adllo\u202e you\u2028there", [("", "Hello you there")]),
    "a name in capitals": ("MARA: Hello.", [("MARA", "Hello.")]),
    "a name on a line of its own": ("MARA:\nHello.", [("MARA", "Hello.")]),
    "a name in a tag": ("<b>MARA:</b> Hello.", [("MARA", "Hello.")]),
    "a name with an extension": ("MARA (V.O.): Hello.", [("MARA", "Hello.")]),
    "a name with a number": ("MAN #2: Hello.", [("MAN #2", "Hello.")]),
    "a full-width colon": ("MARA：Hello.", [("MARA", "Hello.")]),
    "no name": ("Note: this is all.", [("", "Note: this is all.")]),
    "a time of day": ("AT 10:30 we go", [("", "AT 10:30 we go")]),
    "a long text in capitals": ("THIS IS NOT AT ALL A NAME: NO", [("", "THIS IS NOT AT ALL A NAME: NO")]),
    "a name that is known": ("Old man: Hello.", [("Old man", "Hello.")]),
    "two with dashes": ("- Who is it?\n- Me.", [("", "Who is it?"), ("", "Me.")]),
    "dashes without spaces": ("–Who?\n–Me.", [("", "Who?"), ("", "Me.")]),
    "only the second with a dash": ("Who is it?\n- Me.", [("", "Who is it?"), ("", "Me.")]),
    "a dash inside a sentence": ("It was him\n- or his brother", [("", "It was him - or his brother")]),
    "one dash": ("- Hello\nthere.", [("", "Hello there.")]),
    "a minus": ("-5 degrees", [("", "-5 degrees")]),
    "a sentence that goes on": ("-- and then\nhe left", [("", "-- and then he left")]),
    "dashes with names": ("- MARA: Who?\n- BOB: Me.", [("MARA", "Who?"), ("BOB", "Me.")]),
    "names without dashes": ("MARA: Who\nis it?\nBOB: Me.", [("MARA", "Who is it?"), ("BOB", "Me.")]),
    "captions of a broadcast": (">> MARA: Who?\n>> Me.", [("MARA", "Who?"), ("", "Me.")]),
    "a sound": ("[door slams]", [("", "<[door slams]>")]),
    "a sound in round brackets": ("(sighs)", [("", "<(sighs)>")]),
    "a sound over two text lines": ("[door\nslams]", [("", "<[door slams]>")]),
    "a sound of somebody": ("MARA: [sighs]", [("MARA", "<[sighs]>")]),
    "a sound in front": ("[laughs] Hello.", [("", "Hello.")]),
    "a sound behind a name": ("MARA: (laughs) Hello.", [("MARA", "Hello.")]),
    "a sound before a name": ("[laughs] MARA: Hello.", [("MARA", "Hello.")]),
    "a sound in a name": ("MARA [laughing]: Hello.", [("MARA", "Hello.")]),
    "sounds inside": ("Well. (sighs) Yes [beep] so.", [("", "Well. Yes so.")]),
    "round brackets that are speech": ("It is (sort of) true.", [("", "It is (sort of) true.")]),
    "a song": ("♪ La la ♪", [("", "<♪ La la ♪>")]),
    "a song over three text lines": ("♪ La\nla\nla ♪", [("", "<♪ La la la ♪>")]),
    "a song and speech": ("♪ La la ♪\nStop it!", [("", "Stop it!")]),
    "a song without a first note": ("La la ♪", [("", "<La la ♪>")]),
    "a song by number signs": ("# La la #", [("", "<# La la #>")]),
    "music": ("*music*", [("", "<*music*>")]),
    "one speaks, one is heard": ("- Who?\n- [coughs]", [("", "Who?"), ("", "<[coughs]>")]),
    "nothing but stops": ("...", [("", "<...>")]),
}


@pytest.mark.parametrize(("cue", "lines"), CUES.values(), ids=CUES.keys())
def test_a_cue_becomes_lines(cue: str, lines: list[tuple[str, str]]) -> None:
    """Of each voice in it, without markup and sounds."""
    assert lines == said(good("a.srt", srt(cue), speakers=("OLD MAN",)))


def test_a_cue_has_its_times_its_number_and_its_place() -> None:
    """The place is what an editor's go-to-line and a subtitle program's list both find."""
    content = "7\n00:00:01,500 --> 00:00:02,250\nOne.\n\n8\n01:02:03.4 --> 01:02:04,000 X1:10\nTwo.\n"
    assert (
        ScriptLine("a.srt:2 (cue 7)", "One.", id="007", start=1.5, end=2.25),
        ScriptLine("a.srt:6 (cue 8)", "Two.", id="008", start=3723.4, end=3724.0),
    ) == good("a.srt", content)


def test_lines_of_one_cue_share_its_times_and_are_told_apart_by_letters() -> None:
    """Ids name files, so they are unique."""
    lines = good("a.srt", srt("One.", "- Two.\n- Three."))
    assert ["001", "002a", "002b"] == [line.id for line in lines]
    assert [(1.0, 1.9), (2.0, 2.9), (2.0, 2.9)] == [(line.start, line.end) for line in lines]


@pytest.mark.parametrize("numbers", [("4", "4"), ("", ""), ("1", "")])
def test_cues_without_distinct_numbers_are_named_by_their_positions(numbers: tuple[str, str]) -> None:
    """Files are joined, and numbers left out."""
    content = "".join(f"{number}\n00:00:01,000 --> 00:00:02,000\nText.\n\n" for number in numbers)
    assert ["001", "002"] == [line.id for line in good("a.srt", content)]


def test_blank_lines_inside_a_text_and_odd_line_ends_are_read() -> None:
    """As most players do."""
    content = "1\r\n0:01,000 --> 0:02,000\r\nOne\r\n\r\ntwo.\r\n\r\n\r\n2\r\n0:03,0 -> 0:04,5\r\nThree."
    assert ["One two.", "Three."] == texts(good("a.srt", content))


def test_overlapping_and_unsorted_cues_keep_the_files_order() -> None:
    """People talk at the same time."""
    content = "1\n00:00:05,000 --> 00:00:09,000\nOne.\n\n2\n00:00:01,000 --> 00:00:06,000\nTwo.\n"
    assert [5.0, 1.0] == [line.start for line in good("a.srt", content)]


def test_cues_without_text_are_left_out_and_reported_together() -> None:
    """Editors leave hundreds of them."""
    script = read("a.srt", srt("One.", "", "<i></i>", *[""] * 6))
    assert ["One."] == texts(script.lines)
    named = ", ".join(f"line {4 * n - 2} (cue {n})" for n in range(2, 7))
    assert [f"a.srt: left out, because there is no text: {named} and 3 more"] == warnings_of(script)


def test_settings_say_what_is_skipped() -> None:
    """In place of sounds and songs; nothing is removed inside a line then."""
    content = srt("[laughs] Hello.", "♪ La ♪", "(sighs) Well.", "- [a]\n- ♪ b")
    assert ["<[laughs] Hello.>", "♪ La ♪", "(sighs) Well.", "<[a]>", "♪ b"] == texts(
        good("a.srt", content, skip=("[",))
    )
    assert ["[laughs] Hello.", "♪ La ♪"] == texts(good("a.srt", content, skip=()))[:2]


def test_an_alias_with_its_extension_is_kept() -> None:
    """MARA (V.O.) may have another voice than MARA."""
    content = srt("Mara (v.o.): One.", "MARA (O.S.): Two.")
    assert [("Mara (v.o.)", "One."), ("MARA", "Two.")] == said(
        good("a.srt", content, speakers=("Mara", "MARA (V.O.)"))
    )


def test_webvtt_is_read() -> None:
    """Its header, notes, styles, settings, identifiers, voices and tags."""
    content = """WEBVTT - a title
Kind: captions
Language: pt-BR

STYLE
::cue { color: red }

NOTE a comment
of two lines

intro
00:01.000 --> 00:02.500 align:start position:10%
<v Mara>Hello, <i.loud>you</i> <00:01.500>all.</v> <v.quiet Bob &amp; Co>Hi.</v>

100:00:03.000 --> 100:00:04.000
<ruby>漢<rt>kan</rt></ruby> &lt;kept&gt;
"""
    script = read("a.vtt", content)
    assert ((), ()) == (script.faults, script.warnings)
    assert "pt-BR" == script.language
    assert (
        ScriptLine("a.vtt:12 (cue intro)", "Hello, you all.", "Mara", "introa", start=1.0, end=2.5),
        ScriptLine("a.vtt:12 (cue intro)", "Hi.", "Bob & Co", "introb", start=1.0, end=2.5, same_cue=True),
        ScriptLine("a.vtt:15 (cue 2)", "漢 <kept>", id="002", start=360003.0, end=360004.0),
    ) == script.lines


def test_substation_alpha_is_read() -> None:
    """Names, commas in texts, line breaks, overrides; comments and drawings are left out."""
    content = f"""{ASS}Dialogue: 0,0:00:01.50,0:00:02.25,Default,Mara,0,0,0,,{{\\an8\\k20}}Well,\\Nyes,\\hno.
Comment: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,not this
Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{{\\p1}}m 0 0 l 1 1{{\\p0}}BOB: Yes.
Dialogue: 0,0:00:05.00,0:00:06.00,Default,,0,0,0,,{{\\pos(1,2)}}- One.\\N- Two.
"""
    script = read("a.ass", content)
    assert ((), ()) == (script.faults, script.warnings)
    assert "Episode 3" == script.title
    assert (
        ScriptLine("a.ass:8 (cue 1)", "Well, yes, no.", "Mara", "001", start=1.5, end=2.25),
        ScriptLine("a.ass:10 (cue 2)", "Yes.", "BOB", "002", start=3.0, end=4.0),
        ScriptLine("a.ass:11 (cue 3)", "One.", "", "003a", start=5.0, end=6.0),
        ScriptLine("a.ass:11 (cue 3)", "Two.", "", "003b", start=5.0, end=6.0, same_cue=True),
    ) == script.lines


def test_a_drawing_alone_is_a_cue_without_text() -> None:
    """Signs are drawn so."""
    drawing = "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\p1}m 0 0 l 1 1\n"
    spoken = "Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,Yes.\n"
    script = read("a.ass", ASS + drawing + spoken)
    assert ["Yes."] == texts(script.lines)
    assert ["a.ass: left out, because there is no text: line 8 (cue 1)"] == warnings_of(script)


def test_the_older_form_of_substation_alpha_is_read() -> None:
    """Its Format line has other fields."""
    content = """[Script Info]
[Events]
Format: Marked, Start, End, Style, Actor, MarginL, MarginR, MarginV, Effect, Text
Dialogue: Marked=0,0:00:01.00,0:00:02.00,*Default,Mara,0000,0000,0000,,Yes, no.
"""
    assert (ScriptLine("a.ssa:4 (cue 1)", "Yes, no.", "Mara", "001", start=1.0, end=2.0),) == good(
        "a.ssa", content
    )


@pytest.mark.timeout(60)
def test_100_000_cues_are_read_in_seconds() -> None:
    """A channel's archive in one file."""
    content = "".join(
        f"{n}\n{n // 60}:{n % 60:02d}:00,0 --> {n // 60}:{n % 60:02d}:50,0\n<i>MARA:</i> Où, {n} [rire] ?\n\n"
        for n in range(1, 100_001)
    )
    lines = good("a.srt", content)
    assert 100_000 == len(lines)
    assert ("MARA", "Où, 100000 ?") == said(lines[-1:])[0]


def test_marks_for_the_direction_of_writing_hide_no_dash_and_no_number() -> None:
    """Hebrew and Arabic subtitles begin with them; joined files have byte order marks inside."""
    content = "1\n0:01,0 --> 0:02,0\n\u202b- One.\n\u202b- Two.\n\n\ufeff2\n0:03,0 --> 0:04,0\nThree.\n"
    assert ["One.", "Two.", "Three."] == texts(good("a.srt", content))
