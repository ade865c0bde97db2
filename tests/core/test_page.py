"""summary.html: its content, its order, and its safety with hostile names and texts."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import html.parser
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePath
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fishd.core.model.job import Fault, JobStatus
from fishd.core.model.result import FaultResult, Result, SegmentQuality, SegmentResult, SpeakerResult
from fishd.view.page.lines import LineState, lines
from fishd.view.page.page import asset, render_page
from fishd.view.page.timeline import WIDTH, timeline
from tests.core import report_samples as samples

SAMPLES = (
    samples.done,
    samples.delivered,
    samples.tiny,
    samples.partial,
    samples.doubtful,
    samples.rejected,
    samples.hostile,
)
VOID = {"meta", "input", "path"}
BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
each_sample = pytest.mark.parametrize("sample", SAMPLES)


@dataclass
class Element:
    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, tag: str, **wanted: str) -> list[Element]:
        """Elements below it, in order; `class_="play"` and the like must match."""
        found: list[Element] = []
        for child in self.children:
            if isinstance(child, Element):
                named = {name.rstrip("_").replace("_", "-"): value for name, value in wanted.items()}
                if child.tag == tag and named.items() <= child.attributes.items():
                    found.append(child)
                found += child.all(tag, **wanted)
        return found

    def one(self, tag: str, **wanted: str) -> Element:
        (found,) = self.all(tag, **wanted)
        return found


class Parser(html.parser.HTMLParser):
    """A tree; fails where tags do not match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.root = Element("")
        self.open = [self.root]
        self.feed(page)
        self.close()
        assert [self.root] == self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop().tag == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def page(result: Result) -> Element:
    return Parser(render_page(result, "archive/episode")).root


def rows(root: Element) -> list[Element]:
    found = root.all("ol", class_="lines")
    return [child for one in found for child in one.children if isinstance(child, Element)]


def tags(root: Element) -> set[str]:
    return {root.tag}.union(*(tags(child) for child in root.children if isinstance(child, Element)))


def attributes(root: Element) -> set[str]:
    below = (attributes(child) for child in root.children if isinstance(child, Element))
    return set(root.attributes).union(*below)


def squeezed(element: Element) -> str:
    return " ".join(element.text.split())


def one_line(**fields: object) -> Result:
    """A job of one line, with these fields."""
    line = replace(samples.segment(1), **fields)
    return samples.result(JobStatus.DONE, (SpeakerResult("Alice", "en", (line,)),))


# ---- content ------------------------------------------------------------------------------------------


def test_a_line_has_its_player_speaker_text_id_and_length() -> None:
    """The player is a link that works without a script."""
    (row,) = rows(page(samples.tiny()))
    play = row.one("a", class_="play")
    assert ("clips/x/001.wav", "player") == (play.attributes["href"], play.attributes["target"])
    assert "Play Alice 001" == play.attributes["aria-label"]
    assert "Alice A line. 001 3.1 s" == squeezed(row)
    assert {"data-state": "done", "data-speaker": "Alice", "data-id": "001", "id": "l1"} == row.attributes


def test_lines_are_in_script_order() -> None:
    """Speakers take turns; skipped lines have their place."""
    alice, bob = (
        SpeakerResult(name, "en", tuple(replace(samples.segment(n), position=n) for n in numbers))
        for name, numbers in (("Alice", (0, 3)), ("Bob", (1, 4)))
    )
    skipped = replace(samples.delivered().skipped[0], id="002", position=2)
    result = samples.result(JobStatus.DONE, (alice, bob), skipped=(skipped,))
    assert ["000", "001", "002", "003", "004"] == [row.attributes["data-id"] for row in rows(page(result))]


def test_lines_of_an_older_result_are_ordered_by_time() -> None:
    """It has no positions; untimed lines stay speaker after speaker."""
    timed = tuple(
        SpeakerResult(name, "en", tuple(replace(samples.segment(n), start_s=float(n)) for n in numbers))
        for name, numbers in (("Alice", (1, 3)), ("Bob", (2, 4)))
    )
    ids = [line.id for line in lines(samples.result(JobStatus.DONE, timed))]
    assert ["001", "002", "003", "004"] == ids
    untimed = (samples.speaker("Alice", 2), samples.speaker("Bob", 1))
    assert [0, 0, 1] == [line.speaker for line in lines(samples.result(JobStatus.DONE, untimed))]


def test_the_states_are_marked_and_can_be_filtered() -> None:
    """Each filter says how many lines it shows; a filter that would show none is not there."""
    root = page(samples.partial())
    assert 13 == sum(row.attributes["data-state"] == "failed" for row in rows(root))
    filters = [squeezed(label) for label in root.one("form", class_="filters").all("label")]
    assert ["All 26", "To check 13", "Failed 13"] == filters[:3]
    assert ["All 1"] == [squeezed(label) for label in page(samples.tiny()).one("form").all("label")]


def test_a_filter_needs_no_script() -> None:
    """Each radio button of a state has its rule in the style sheet."""
    for state in ("faults", "doubtful", "failed", "skipped"):
        assert f"main:has(#show-{state}:checked)" in asset("page.css")


def test_a_doubtful_line_has_its_faults_and_takes() -> None:
    """Below its text."""
    rows_ = [row for row in rows(page(samples.doubtful())) if row.attributes["data-state"] == "doubtful"]
    assert ["2.9 s hole at 1.4 s", "14 dB louder than usual"] == [
        fault.text for fault in rows_[2].all("p", class_="fault")
    ]
    assert "3 takes" in squeezed(rows_[2])


def test_a_failed_line_has_its_error_and_no_player() -> None:
    """There is nothing to hear."""
    row = next(row for row in rows(page(samples.partial())) if row.attributes["data-state"] == "failed")
    assert [] == row.all("a", class_="play")
    assert "the audio ended before" in row.one("p", class_="fault").text


def test_a_line_that_does_not_fit_says_by_how_much() -> None:
    """And how much faster it is spoken, and as what."""
    row = rows(page(one_line(at_s=4.0, speed=1.25, overrun_s=0.84, spoken="Uh line.")))[0]
    assert "0.84 s too long: it runs into what follows" == row.one("p", class_="fault").text
    assert "×1.25" in squeezed(row)
    assert "spoken as Uh line." in squeezed(row)
    assert "00:04" == row.one("span", class_="at").text


def test_a_skipped_line_is_shown_as_not_spoken() -> None:
    """With its text, without a player."""
    row = next(r for r in rows(page(samples.delivered())) if r.attributes["data-state"] == "skipped")
    assert "[door slams]" in squeezed(row)
    assert "not spoken" in squeezed(row)


def test_references_are_beside_their_speaker() -> None:
    """Each line leads to its speaker."""
    speakers = (replace(samples.speaker("Alice", 1), references=("references/Alice-1.wav",)),)
    root = page(samples.result(JobStatus.DONE, speakers))
    reference = root.one("li", id="s0").one("a", class_="play")
    assert "references/Alice-1.wav" == reference.attributes["href"]
    assert "#s0" == rows(root)[0].one("a", class_="who").attributes["href"]


def test_tracks_can_be_heard_and_downloaded() -> None:
    """With their lengths and sizes."""
    tracks = page(samples.delivered()).one("section", class_="tracks")
    assert ["tracks/mix.flac", "tracks/Ada.flac", "episode.m4b"] == [
        play.attributes["href"] for play in tracks.all("a", class_="play")
    ]
    assert "tracks/mix.flac 1:01:43, 58.4 MiB" in squeezed(tracks)


def test_workers_and_totals_are_at_the_end() -> None:
    """Nobody listens to them."""
    footer = page(samples.done()).one("footer")
    assert "Worker 0cpu2597%" in "".join(footer.one("section", class_="workers").text.split("\n"))
    assert "6.1 s (22 Nov 2026, 15:12:14 to 15:12:20 UTC)" in squeezed(footer).replace("  ", " ")


def test_faults_and_the_next_step_come_first() -> None:
    """Those of a rejected bundle, and failures by their reason."""
    rejected = page(samples.rejected()).one("section", class_="faults")
    assert 12 == len(rejected.all("li"))
    assert "job.toml: line 14, column 9" in squeezed(rejected)
    failed = page(samples.partial()).one("section", class_="faults")
    assert 2 == len(failed.all("li"))
    assert "Alice 003, 007: the audio ended before" in squeezed(failed)
    assert "fishd retry episode" in failed.one("p", class_="next").text


def test_many_faults_are_cut() -> None:
    """result.json lists all."""
    faults = tuple(Fault(f"speakers[{n}].name", "is empty") for n in range(5000))
    root = page(samples.result(JobStatus.REJECTED, errors=faults, warnings=faults))
    for name in ("faults", "warnings"):
        items = root.one("section", class_=name).all("li")
        assert 51 == len(items)
        assert f"… and 4,950 more {name}: result.json lists all" == squeezed(items[-1])


def test_a_rejected_job_has_no_player_and_no_script() -> None:
    """There is nothing to hear."""
    root = page(samples.rejected())
    assert {"aside", "script", "audio", "form"}.isdisjoint(tags(root))


# ---- the timeline ---------------------------------------------------------------------------------------


def bars(path: str) -> list[tuple[float, float]]:
    found = re.findall(r"M([\d.]+) 8h([\d.]+)", path)
    return [(float(begin), float(length)) for begin, length in found]


def test_the_timeline_of_a_timed_job_has_the_lines_at_their_times() -> None:
    """A row for each speaker, in thousandths of the whole."""
    segments = (replace(samples.segment(1), at_s=0.0), replace(samples.segment(2), at_s=6.9))
    drawn = timeline(lines(samples.result(JobStatus.DONE, (SpeakerResult("A", "en", segments),))))
    assert [(0.0, 310.0), (690.0, 310.0)] == bars(drawn.rows[0][LineState.DONE])
    assert ("00:00", "00:02", "00:05", "00:08", "00:10") == drawn.ticks


def test_the_timeline_of_an_untimed_job_has_the_lines_one_after_another() -> None:
    """By their lengths; a failed line has a mark."""
    drawn = timeline(lines(samples.result(JobStatus.PARTIAL, (samples.speaker("A", 3, {2: "x"}),))))
    assert [(0.0, 1000.0)] == bars(drawn.rows[0][LineState.DONE])
    assert [(500.0, 3.0)] == bars(drawn.rows[0][LineState.FAILED])


def test_a_long_timeline_stays_small() -> None:
    """Bars that nobody can tell apart are joined; none is outside the picture."""
    many = samples.result(JobStatus.DONE, (samples.speaker("A", 20_000), samples.speaker("B", 20_000)))
    found = [dataclasses.replace(line, start_s=n * 7.0 % 99_991.0) for n, line in enumerate(lines(many))]
    drawn = timeline(found)
    for row in drawn.rows.values():
        for begin, length in bars(row[LineState.DONE]):
            assert 0 <= begin <= begin + length <= WIDTH
        assert len(row[LineState.DONE]) < 40_000


def test_times_that_make_no_sense_are_no_error() -> None:
    """A result of a job without any length, or with times before its start."""
    for fields in ({"duration_s": 0.0}, {"at_s": -5.0}, {"duration_s": None}, {"start_s": 9.0, "end_s": 1.0}):
        render_page(one_line(**fields))


# ---- the page -------------------------------------------------------------------------------------------


@each_sample
def test_the_page_is_self_contained_and_well_formed(sample: Callable[[], Result]) -> None:
    """Nothing is loaded but audio below its folder, by a relative path; no inline styles or handlers."""
    root = page(sample())
    assert not re.search(r"https?:|url\(|@import", render_page(sample()).replace("http-equiv", ""))
    assert {"link", "img", "style_", "object", "base"}.isdisjoint(tags(root))
    assert not {name for name in attributes(root) if name.startswith("on") or name == "style"}
    for link in root.all("a"):
        target = urlsplit(link.attributes["href"])
        assert ("", "") == (target.scheme, target.netloc)
        assert not target.path.startswith("/")


@each_sample
def test_the_content_policy_allows_exactly_the_page_s_own_style_and_script(
    sample: Callable[[], Result],
) -> None:
    """By their hashes."""
    root = page(sample())
    policy = next(meta.attributes["content"] for meta in root.all("meta") if "http-equiv" in meta.attributes)
    for element in (*root.all("style"), *root.all("script")):
        digest = base64.b64encode(hashlib.sha256(element.text.encode()).digest()).decode()
        assert f"{element.tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")


@each_sample
def test_headings_landmarks_and_labels_are_there(sample: Callable[[], Result]) -> None:
    """One h1, a main, and a name for every section, player and field; ids are unique."""
    root = page(sample())
    assert (1, 1, 1) == tuple(len(root.all(tag)) for tag in ("h1", "main", "header"))
    assert "en" == root.one("html").attributes["lang"]
    for section in root.all("section"):
        assert root.one("h2", id=section.attributes["aria-labelledby"]).text
    assert all(play.attributes["aria-label"] for play in root.all("a", class_="play"))
    ids = re.findall(r'\sid="([^"]*)"', render_page(sample()))
    assert len(ids) == len(set(ids))
    for link in root.all("a"):
        if link.attributes["href"].startswith("#"):
            assert link.attributes["href"][1:] in ids


def test_texts_have_their_own_direction_and_language() -> None:
    """Right-to-left and Chinese lines read right; a language that is none is left out."""
    arabic = SpeakerResult("ليلى", "ar", (replace(samples.segment(1), text="مرحبا بالعالم"),))
    row = rows(page(samples.result(JobStatus.DONE, (arabic,))))[0]
    text = row.one("div", class_="what").one("p")
    assert {"dir": "auto", "lang": "ar"} == text.attributes
    odd = SpeakerResult("A", 'x" onload="', (samples.segment(1),))
    assert {"dir": "auto"} == rows(page(samples.result(JobStatus.DONE, (odd,))))[0].all("p")[0].attributes


# ---- colours --------------------------------------------------------------------------------------------


def schemes() -> dict[str, dict[str, str]]:
    sheet = asset("page.css")
    light, dark, paper = re.findall(r":root \{([^}]*)\}", sheet)
    found = {name: dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", part)) for name, part in
             (("light", light), ("dark", dark), ("paper", paper))}  # fmt: skip
    found["paper"] = found["light"] | found["paper"]
    return found


def luminance(colour: str) -> float:
    """WCAG 2: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark", "paper"])
@pytest.mark.parametrize("colour", ["text", "dim", "link", "done", "doubtful", "failed", "skipped"])
def test_every_text_has_a_contrast_of_aa(scheme: str, colour: str) -> None:
    """At least 4.5, on every background that it is on."""
    colours = schemes()[scheme]
    for background in ("back", "outer", "current"):
        assert contrast(colours[colour], colours[background]) >= 4.5, background


def test_both_schemes_have_every_colour() -> None:
    """A colour that only one has would be the other's."""
    assert schemes()["light"].keys() == schemes()["dark"].keys()


# ---- hostile input --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "'\"><img src=x onerror=alert(1)>", "{{ 7*7 }}", "&lt;b&gt;"]
)
def test_markup_in_every_field_is_text(hostile: str) -> None:
    """Titles, names, ids, texts, errors, devices, chapters: all are shown as they are."""
    tame = tags(page(fill("tame")))
    root = page(fill(hostile))
    assert tame == tags(root)
    assert hostile in root.one("h1").text
    assert hostile == rows(root)[0].attributes["data-id"] == rows(root)[0].attributes["data-speaker"]
    assert hostile == rows(root)[0].one("div", class_="what").all("p")[0].text
    assert 1 == len(root.all("script"))


def fill(text: str) -> Result:
    """A result with this text in every field that a bundle, an engine or a machine names."""
    quality = SegmentQuality((FaultResult(text, text, 1.0),), 1.0, 1.0)
    base = samples.delivered()
    done = replace(samples.placed(1, 1.0), id=text, text=text, clip=f"clips/{text}.wav", quality=quality)
    failed = SegmentResult(f"{text}2", text, "failed", error=text, spoken=text)
    return replace(
        base,
        job=text,
        title=f"{text} title",
        engine=text,
        device_names=(text,),
        remarks=(text,),
        errors=(Fault(text, text),),
        warnings=(Fault(text, text),),
        speakers=(
            SpeakerResult(
                text, text, (replace(done, spoken=None), failed), references=(f"references/{text}.wav",)
            ),
            SpeakerResult("Bob", "en", ()),
        ),
        tracks=(replace(base.tracks[0], path=f"tracks/{text}.flac"),),
        chapters=(replace(base.chapters[0], title=text),),
        skipped=(replace(base.skipped[0], id=text, text=text, speaker=text),),
        workers=(replace(samples.done().workers[0], device=text),),
    )


@pytest.mark.parametrize(
    "name",
    ["a#b?c%20d", "a b&c;d=e", "javascript:alert(1)", "\"'<>", "線 👪", "b\udcffytes", "a\\b", "//host/x"],
)
def test_a_file_name_is_one_relative_path_in_its_url(name: str) -> None:
    """No character of it starts a query, a fragment, a scheme or a host."""
    root = page(one_line(clip=f"clips/{name}/1.wav"))
    target = urlsplit(rows(root)[0].one("a", class_="play").attributes["href"])
    assert ("", "", "", "") == (target.scheme, target.netloc, target.query, target.fragment)
    assert f"clips/{name}/1.wav" == unquote(target.path, errors="surrogateescape")
    book = page(
        replace(samples.delivered(), tracks=(replace(samples.delivered().tracks[0], path="a:b.m4b"),))
    )
    hrefs = [link.attributes["href"] for link in book.one("section", class_="tracks").all("a")]
    assert ["a%3Ab.m4b"] * 2 == hrefs
    assert PurePath(unquote(hrefs[0])).name == "a:b.m4b"


def test_control_characters_and_overrides_are_written_out() -> None:
    """None of them is in the page's text."""
    hostile = render_page(fill("\x1b[31m\x00\x07\u202eleft\u2066\r\nnext"))
    shown = Parser(re.sub(r'(data-id|data-speaker|value)="[^"]*"', "", hostile)).root
    assert r"\x1b[31m\x00\x07\u202eleft" in shown.text
    assert not set("\x1b\x00\x07\r") & set(shown.text)
    assert not BIDI.search(shown.text)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_gives_a_page(text: str) -> None:
    """It can be encoded, its tags match, and it has only its own."""
    rendered = render_page(fill(text))
    rendered.encode()
    assert tags(Parser(rendered).root) <= tags(page(fill("tame")))


# ---- cost -----------------------------------------------------------------------------------------------


def test_a_page_of_20_000_lines_is_rendered_in_a_second_and_is_12_mb_at_most() -> None:
    """Of CPU time; a browser lays out only the lines on its screen."""
    many = samples.result(JobStatus.DONE, (samples.speaker("Alice", 20_000),))
    render_page(samples.tiny())  # compiles the templates
    started = time.process_time()
    rendered = render_page(many)
    assert time.process_time() - started < 1.0
    assert len(rendered) < 12_000_000
    assert "content-visibility: auto" in asset("page.css")
    assert '<audio controls preload="none">' in rendered
