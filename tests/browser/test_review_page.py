"""`fishd review` in a browser: listening, filtering, choosing, approving, and lines that are spoken again."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.daemon.bundles import make_ready_bundle
from tests.daemon.daemon_process import DaemonProcess, running_daemon
from tests.review.review_server import ReviewServer, review_server
from tests.review.review_spool import make_job, make_spool

pytestmark = pytest.mark.browser
GONE = "Failed to load resource: the server responded with a status of 404 (Not Found)"
HOSTILE = "<img src=x onerror=alert(1)><script>alert(1)</script>"


class Review:
    """A page of the server in a browser, with what the browser complained about."""

    def __init__(self, page: Page, server: ReviewServer) -> None:
        self.page = page
        self.server = server
        self.errors: list[str] = []
        page.on("console", lambda message: self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def close(self) -> None:
        """Before its server stops, which would be an error of the page."""
        self.page.context.close()

    def open(self, path: str) -> None:
        self.page.goto(f"http://127.0.0.1:{self.server.port}{path}?token={self.server.token}")

    def open_job(self, job: str) -> None:
        self.open(f"/jobs/{job}")
        expect(self.lines.first).to_be_visible()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    @property
    def lines(self) -> Locator:
        return self.page.locator(".lines > li")

    @property
    def selected(self) -> Locator:
        return self.page.locator(".lines > li[aria-current]")

    @property
    def shown(self) -> list[str]:
        return self.page.locator(".lines > li:visible .id").all_text_contents()

    def plays(self, path: str) -> None:
        """Wait until this file is heard."""
        self.page.wait_for_function(
            "path => { const player = document.querySelector('.player audio');"
            " return player.currentTime > 0 && player.src.includes(path); }",
            arg=path,
        )


Open = Callable[[ReviewServer], Review]


@pytest.fixture
def open_review(browser: Browser) -> Iterator[Open]:
    """A new browser profile for each call; what it complained about is an error at the end."""
    opened: list[Review] = []

    def open_one(server: ReviewServer, **options: object) -> Review:
        review = Review(browser.new_context(**options).new_page(), server)  # type: ignore[arg-type]
        opened.append(review)
        return review

    yield open_one
    for one in opened:
        one.page.context.close()
    assert [] == [error for one in opened for error in one.errors]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_spool(tmp_path)


@pytest.fixture
def server(tmp_path: Path, root: Path) -> Iterator[ReviewServer]:
    """Of a spool with the job Episode and without a daemon."""
    make_job(root)
    with review_server(tmp_path) as running:
        yield running


@pytest.fixture
def review(server: ReviewServer, open_review: Open) -> Review:
    """The page of Episode: line 2 is doubtful, line 3 failed."""
    review = open_review(server)
    review.open_job("Episode")
    return review


# ---- a finished job -------------------------------------------------------------------------------------


def test_the_list_leads_to_a_job(server: ReviewServer, open_review: Open) -> None:
    """Without the token in the address."""
    review = open_review(server)
    review.open("/")
    review.page.get_by_role("link", name="Episode").click()

    expect(review.lines).to_have_count(3)
    assert "token" not in review.page.url


def test_the_keys_play_a_line_and_its_reference(review: Review) -> None:
    """Space, j, k and a."""
    review.press("j", "Space")
    review.plays("clips/Ada/001.wav")
    review.press("a")
    review.plays("references/ada.wav")
    review.press("a")
    review.plays("clips/Ada/001.wav")
    review.press("j")
    expect(review.selected.locator(".id")).to_have_text("002")
    review.press("k", "k")
    expect(review.selected.locator(".id")).to_have_text("001")


def test_a_waveform_is_drawn_and_is_clicked_to_seek(review: Review) -> None:
    """A line that failed has none."""
    wave = review.lines.nth(0).locator(".wave")
    expect(wave.locator(".shape")).to_have_attribute("d", re.compile(r"^M0\.5"))
    box = wave.bounding_box()
    assert box
    wave.click(position={"x": box["width"] * 0.5, "y": 5})
    review.page.wait_for_function("() => document.querySelector('.player audio').currentTime >= 0.25")
    expect(review.lines.nth(2).locator(".wave")).to_be_hidden()


def test_doubtful_and_failed_lines_are_filtered_or_first(review: Review) -> None:
    """And those that are not approved."""
    review.page.get_by_label("Doubtful 1").check()
    assert ["002"] == review.shown
    review.page.get_by_label("Failed 1").check()
    assert ["003"] == review.shown
    review.page.get_by_label("All 3").check()
    review.page.get_by_label("Failed and doubtful first").check()
    assert ["003", "002", "001"] == review.shown


def test_an_approval_is_shown_on_every_page(review: Review, server: ReviewServer, open_review: Open) -> None:
    """By the key y, or for all lines shown."""
    other = open_review(server)
    other.open_job("Episode")
    review.press("j", "y")
    for page in (review, other):
        expect(page.lines.nth(0).locator("[data-do=approve]")).to_have_attribute("aria-pressed", "true")
    review.page.get_by_label("Not approved 1").check()
    assert ["002"] == review.shown
    review.page.get_by_role("button", name="Approve all shown").click()
    expect(other.page.get_by_label("Not approved 0")).to_be_visible()


def test_a_job_that_vanishes_is_reported(review: Review, root: Path) -> None:
    """While it is listened to."""
    review.press("j", "Space")
    review.plays("clips/Ada/001.wav")
    shutil.rmtree(root / "outbox/Episode")

    expect(review.page.get_by_role("alert")).to_contain_text("Episode is not in the outbox")
    review.press("j", "Space")
    expect(review.page.locator(".message")).to_contain_text("is no longer there")
    review.errors[:] = [error for error in review.errors if error != GONE]


def test_markup_in_names_and_texts_is_text(server: ReviewServer, root: Path, open_review: Open) -> None:
    """Nothing of it runs: the fixture fails on any error or refused script."""
    folder = make_job(root, "Hostile", title=HOSTILE)
    result = json.loads((folder / "result.json").read_text())
    speaker = result["speakers"][0]
    speaker["name"] = HOSTILE
    for segment in speaker["segments"]:
        segment |= {"text": HOSTILE, "id": f"{HOSTILE}{segment['id']}", "spoken": HOSTILE, "error": HOSTILE}
    result["errors"] = [{"where": HOSTILE, "what": HOSTILE}]
    (folder / "result.json").write_text(json.dumps(result))
    review = open_review(server)
    review.open("/")
    expect(review.page.get_by_role("link", name=HOSTILE)).to_be_visible()
    review.open_job("Hostile")

    expect(review.page.locator("h1")).to_have_text(HOSTILE)
    expect(review.lines.first.locator(".text")).to_have_text(HOSTILE)
    assert 0 == review.page.locator("img, .lines script").count()


def test_a_line_of_the_script_that_is_not_spoken_is_shown(
    server: ReviewServer, root: Path, open_review: Open
) -> None:
    """At its place, with nothing to play, approve or speak."""
    skipped = [
        {"id": f"{position:03}", "speaker": "", "text": text, "position": position}
        for text, position in (("[A door closes]", 3), ("[Rain]", 4))
    ]
    make_job(root, "Script", skipped=skipped)
    review = open_review(server)
    review.open_job("Script")

    expect(review.lines).to_have_count(5)
    expect(review.lines.nth(3)).to_contain_text("[A door closes]")
    expect(review.lines.nth(4)).to_contain_text("[Rain]")
    expect(review.lines.nth(3).locator(".actions")).to_be_hidden()
    review.press("j", "j", "j", "j", "Space", "a", "r", "y", "e")
    expect(review.page.get_by_role("dialog")).to_be_hidden()
    expect(review.page.locator(".pending")).to_have_count(0)


def test_a_file_that_is_chosen_is_a_new_job(server: ReviewServer, root: Path, open_review: Open) -> None:
    """The page says under which name, or what is wrong with it."""
    review = open_review(server)
    review.open("/")
    files = [
        {"name": name, "mimeType": "text/plain", "buffer": b"A line."} for name in ("New.txt", "New.exe")
    ]
    review.page.locator("input[type=file]").set_input_files(files)  # type: ignore[arg-type]

    expect(review.page.locator(".uploads")).to_contain_text("is in the inbox as New")
    expect(review.page.locator(".uploads")).to_contain_text("is neither a folder, an archive")
    assert b"A line." == (root / "inbox/New.txt").read_bytes()
    review.errors[:] = [error for error in review.errors if "400" not in error]


def test_keys_in_the_dialog_are_text(review: Review) -> None:
    """They do nothing to the lines; Escape changes nothing."""
    review.press("j", "e")
    dialog = review.page.get_by_role("dialog")
    dialog.get_by_label("Text").press_sequentially("jkrea y")
    expect(review.selected.locator(".id")).to_have_text("001")
    review.press("Escape")
    expect(dialog).to_be_hidden()
    expect(review.page.locator(".pending")).to_have_count(0)


@pytest.mark.parametrize("width", [400, 1280, 3840])
def test_nothing_is_wider_than_the_window(review: Review, width: int) -> None:
    """Of a telephone, or 4K."""
    review.page.set_viewport_size({"width": width, "height": 900})
    assert review.page.evaluate("document.documentElement.scrollWidth") <= width


def test_2000_lines_are_all_on_the_page(tmp_path: Path, root: Path, open_review: Open) -> None:
    """Though the browser draws only those in the window."""
    make_job(root, "Long", 2_000)
    with review_server(tmp_path) as server:
        review = open_review(server)
        review.open_job("Long")

        expect(review.lines).to_have_count(2_000)
        review.close()


# ---- with a daemon --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """The preview engine; its job is Show, with a mix of its lines."""
    config = {"engine": {"name": "preview"}, "output": {"tracks": ["mix"]}}
    with running_daemon(tmp_path_factory.mktemp("review"), config) as running:
        texts = [f"This is line {word}, and it is spoken." for word in ("one", "two", "three")]
        make_ready_bundle(running.spool / "inbox/Show", {"Ada": texts, "Bob": ["Another voice says this."]})
        running.wait_for_result("Show")
        yield running


@pytest.fixture
def show(daemon: DaemonProcess, open_review: Open) -> Iterator[Review]:
    with review_server(daemon.folder) as server:
        review = open_review(server)
        review.open_job("Show")
        yield review
        review.close()


def test_a_retake_is_heard(show: Review) -> None:
    """The new take is on the page, which plays it; the mix has it too."""
    mix = show.page.locator(".tracks .play")
    former_mix = mix.get_attribute("href")
    show.press("j")
    former_clip = show.selected.locator(".play").get_attribute("href")
    show.press("r")
    expect(show.selected.locator(".state")).to_have_text("speaking…")
    expect(show.page.locator(".lines > li.new")).to_have_count(1)
    new_clip = show.selected.locator(".play").get_attribute("href")

    assert former_clip != new_clip
    show.plays(str(new_clip))
    expect(mix).not_to_have_attribute("href", str(former_mix))
    mix.click()
    show.plays("tracks/mix")


def test_a_kept_take_is_chosen_again(show: Review) -> None:
    """Without speaking anything."""
    show.press("j", "j", "r")
    takes = show.lines.nth(1).locator("[data-take]")
    expect(takes).to_have_count(2)
    former_clip = show.lines.nth(1).locator(".play").get_attribute("href")
    takes.first.click()

    expect(takes.first).to_have_attribute("aria-pressed", "true")
    expect(show.lines.nth(1).locator(".play")).not_to_have_attribute("href", str(former_clip))
    assert 2 == takes.count()


def test_an_edited_text_is_spoken(show: Review) -> None:
    """And a word's pronunciation, in every line that has it."""
    show.press("j", "j", "j", "e")
    dialog = show.page.get_by_role("dialog")
    dialog.get_by_label("Text").fill("This is what she says now.")
    show.press("Control+Enter")
    expect(show.lines.nth(2).locator(".text")).to_have_text("This is what she says now.")
    show.press("j", "e")
    dialog.get_by_label("of").fill("voice")
    dialog.get_by_label("as").fill("vois")
    dialog.get_by_role("button", name="Speak").click()

    expect(show.lines.nth(3).locator(".spoken")).to_have_text("spoken as Another vois says this.")


def test_a_refused_request_says_why(show: Review) -> None:
    """On the line; the line stays as it is."""
    show.press("j", "e")
    show.page.get_by_role("dialog").get_by_label("Text").fill(" ")
    show.press("Control+Enter")

    expect(show.lines.nth(0).locator(".state")).to_contain_text("refused: ")


def test_a_line_that_is_being_spoken_is_asked_for_again(show: Review) -> None:
    """Both takes are kept."""
    takes = show.lines.nth(2).locator("[data-take]")
    show.press("j", "j", "j", "r", "r")

    expect(show.page.locator(".pending")).to_have_count(0, timeout=20_000)
    expect(takes).not_to_have_count(1)


def test_a_bad_line_is_found_and_replaced_without_a_terminal(tmp_path: Path, open_review: Open) -> None:
    """Find it, hear it beside its reference, have it spoken again, hear the new take in the track."""
    config = {
        "engine": {"name": "tests.faults.spoiling_engine:factory"},
        "pool": {"max_takes": 1},
        "quality": {"check": "signal"},
        "output": {"tracks": ["mix"]},
    }
    with running_daemon(tmp_path, config) as daemon:
        texts = [f"Sentence number {number} is told in a steady voice." for number in range(24)]
        make_ready_bundle(daemon.spool / "inbox/Night", {"Ada": texts})
        daemon.wait_for_result("Night")
        with review_server(tmp_path) as server:
            review = open_review(server)
            review.open("/")
            review.page.get_by_role("link", name="Night").click()
            expect(review.lines).to_have_count(len(texts))
            former_mix = review.page.locator(".tracks .play").get_attribute("href")
            review.page.locator("input[value=doubtful]").check()
            num_doubtful = len(review.shown)
            review.press("j", "Space")
            review.plays("clips/Ada/")
            review.press("a")
            review.plays("references/")
            review.press("r")
            expect(review.page.locator(".lines > li.new")).to_have_count(1)

            expect(review.page.locator(".lines > li:visible")).to_have_count(num_doubtful - 1)
            mix = review.page.locator(".tracks .play")
            expect(mix).not_to_have_attribute("href", str(former_mix))
            mix.click()
            review.plays("tracks/mix")
            review.close()
