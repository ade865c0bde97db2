"""summary.html from a file: it plays with and without scripts, and its filters and keys work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import soundfile
from msgspec.structs import replace
from playwright.sync_api import Browser, Page, expect

from fishd.core.model.job import JobStatus
from fishd.core.model.result import FaultResult, Result, SegmentQuality, SpeakerResult
from fishd.view.page.page import render_page
from tests.core import report_samples as samples

pytestmark = pytest.mark.browser
RATE_HZ = 8000
ODD_NAME = "A#1 ?%20"
DOUBTFUL = SegmentQuality((FaultResult("hole", "2.9 s hole at 1.4 s", 0.7),), 14.1, -22.3)


def job() -> Result:
    """Two speakers in turn; line 3 is doubtful, line 4 failed, line 5 is skipped."""

    def line(number: int, name: str, **fields: object) -> object:
        clip = f"clips/{name}/{number:03d}.wav"
        return replace(samples.segment(number), clip=clip, position=number, text=f"Line {number}", **fields)

    odd = (line(1, ODD_NAME), replace(line(3, ODD_NAME), quality=DOUBTFUL), line(6, ODD_NAME))
    failed = replace(samples.segment(4, "the audio ended before the text did"), position=4)
    speakers = (
        SpeakerResult(ODD_NAME, "en", odd, references=(f"references/{ODD_NAME}-1.wav",)),
        SpeakerResult("ليلى", "ar", (line(2, "ليلى"), failed)),
    )
    skipped = replace(samples.delivered().skipped[0], position=5)
    return samples.result(JobStatus.PARTIAL, speakers, skipped=(skipped,))  # type: ignore[arg-type]


def write(folder: Path, result: Result) -> str:
    """The result's page and its audio; the page's address."""
    clips = [segment.clip for speaker in result.speakers for segment in speaker.segments if segment.clip]
    for path in (*clips, *(path for speaker in result.speakers for path in speaker.references)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / path, np.zeros(RATE_HZ * 10), RATE_HZ)
    (folder / "summary.html").write_text(render_page(result))
    return (folder / "summary.html").as_uri()


@dataclass
class Opened:
    page: Page
    errors: list[str] = field(default_factory=list)

    def plays(self, path: str) -> None:
        """Waits until the player plays the file that ends in this path."""
        self.page.wait_for_function(
            "path => { const player = document.querySelector('.player audio');"
            " return !player.paused && decodeURIComponent(player.src).endsWith(path); }",
            arg=path,
        )

    @property
    def shown(self) -> list[str]:
        rows = self.page.locator(".lines > li:visible").all()
        return [row.get_attribute("data-id") or "" for row in rows]


Open = Callable[..., Opened]


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens the page of a job; what the browser complained about is an error at the end."""
    opened: list[Opened] = []

    def open_one(result: Result | None = None, **options: object) -> Opened:
        page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
        one = Opened(page)
        page.on("console", lambda message: one.errors.append(message.text))
        page.on("pageerror", lambda error: one.errors.append(str(error)))
        page.goto(write(tmp_path, result or job()))
        opened.append(one)
        return one

    yield open_one
    for one in opened:
        one.page.context.close()
    assert [] == [error for one in opened for error in one.errors]


def test_a_click_plays_a_line(open_page: Open) -> None:
    """In the page's player, whatever the characters of its file name."""
    opened = open_page()
    opened.page.locator("#l1 .play").click()
    opened.plays(f"clips/{ODD_NAME}/001.wav")
    expect(opened.page.locator("#l1")).to_have_attribute("aria-current", "true")
    expect(opened.page.locator(".player output")).to_have_text(f"{ODD_NAME} 001")


def test_a_click_plays_without_scripts(open_page: Open) -> None:
    """In a frame of the page, which stays open."""
    opened = open_page(java_script_enabled=False)
    opened.page.locator("#l1 .play").click()
    frame = opened.page.frame("player")
    assert frame is not None
    frame.wait_for_selector("video, audio")
    assert frame.url.endswith("clips/A%231%20%3F%2520/001.wav")
    assert opened.page.url.endswith("summary.html")


def test_filters_of_states_need_no_script(open_page: Open) -> None:
    """The style sheet does it."""
    opened = open_page(java_script_enabled=False)
    assert ["001", "002", "003", "004", "005", "006"] == opened.shown
    opened.page.get_by_label("To check 2").check()
    assert ["003", "004"] == opened.shown
    opened.page.get_by_label("Failed 1").check()
    assert ["004"] == opened.shown
    opened.page.get_by_label("Skipped 1").check()
    assert ["005"] == opened.shown


def test_lines_can_be_filtered_by_speaker(open_page: Open) -> None:
    """Together with a state; the keys go through the lines shown."""
    opened = open_page()
    opened.page.locator("select").select_option("ليلى")
    assert ["002", "004"] == opened.shown
    opened.page.get_by_label("Failed 1").check()
    assert ["004"] == opened.shown
    opened.page.locator("h1").click()
    opened.page.keyboard.press("j")
    expect(opened.page.locator("#l4")).to_be_focused()


def test_the_keys_play_and_go_through_the_lines(open_page: Open) -> None:
    """Space plays and pauses, j and k go to the next and the previous line, a plays the reference."""
    opened = open_page()
    keyboard = opened.page.keyboard
    keyboard.press("Space")
    opened.plays("001.wav")
    keyboard.press("j")
    opened.plays("002.wav")
    keyboard.press("j")
    opened.plays("003.wav")
    keyboard.press("a")
    opened.plays(f"references/{ODD_NAME}-1.wav")
    keyboard.press("a")
    opened.plays("003.wav")
    keyboard.press("k")
    opened.plays("002.wav")
    keyboard.press("Space")
    opened.page.wait_for_function("document.querySelector('.player audio').paused")
    for line in ("l3", "l4", "l6"):  # the skipped line is left out
        keyboard.press("j")
        expect(opened.page.locator(f"#{line}")).to_be_focused()
    keyboard.press("j")
    expect(opened.page.locator("#l6")).to_be_focused()


def test_space_in_a_field_is_the_fields(open_page: Open) -> None:
    """It checks the box, and plays nothing."""
    opened = open_page()
    box = opened.page.get_by_label("continuous")
    box.focus()
    opened.page.keyboard.press("Space")
    expect(box).to_be_checked()
    assert opened.page.evaluate("document.querySelector('.player audio').paused")


def test_continuous_playing_goes_on_to_the_next_line_with_a_clip(open_page: Open) -> None:
    """From the last before a failed and a skipped line."""
    opened = open_page()
    opened.page.get_by_label("continuous").check()
    opened.page.locator("#l3 .play").click()
    opened.plays("003.wav")
    opened.page.evaluate("document.querySelector('.player audio').currentTime = 9.95")
    opened.plays("006.wav")


def test_markup_in_a_name_runs_nothing(open_page: Open) -> None:
    """It is text; the fixture fails on any error or refused script."""
    hostile = "<img src=x onerror=alert(1)><script>alert(1)</script>"
    opened = open_page(replace(job(), title=hostile, errors=()))
    expect(opened.page.locator("h1")).to_have_text(hostile)
    assert 0 == opened.page.locator("img").count()


@pytest.mark.parametrize("width", [400, 1280, 3840])
def test_nothing_is_wider_than_the_window(open_page: Open, width: int) -> None:
    """Also with names and texts without a space."""
    opened = open_page(samples.hostile(), viewport={"width": width, "height": 900})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_systems_colour_scheme(open_page: Open, scheme: str) -> None:
    """Dark text on light, or light on dark."""
    opened = open_page(color_scheme=scheme)
    background = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(243, 245, 247)", "dark": "rgb(11, 14, 17)"}[scheme]


def test_a_page_of_20_000_lines_answers_a_key_in_two_seconds(open_page: Open) -> None:
    """And shows its first lines before it has loaded whole."""
    many = samples.result(JobStatus.DONE, (samples.speaker("Alice", 20_000),))
    opened = open_page(replace(many, speakers=(without_clips(many.speakers[0]),)))
    page = opened.page
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    took_ms = page.evaluate(
        "new Promise(done => { const began = performance.now();"
        " document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'j', bubbles: true}));"
        " requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began))); })"
    )
    expect(page.locator("#l1")).to_have_attribute("aria-current", "true")
    assert took_ms < 2000
    assert page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") < 2000


def without_clips(speaker: SpeakerResult) -> SpeakerResult:
    """So that no 20,000 files are written."""
    return replace(speaker, segments=tuple(replace(one, clip=None) for one in speaker.segments))
