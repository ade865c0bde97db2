"""The review page in a real browser: python bench/review.py [--rounds 9]

Needs the extra `dev` and chromium. Prints figures of this run on this machine:

- first paint, and the first frame with lines, since the start of a navigation, of a job of 2,000 lines and
  of one of 3: the latter is what this browser on this machine takes at least;
- retake: from the key r to the new take on the page, in a job of 24 lines with a mix, by the preview engine;
- memory: the most that the server has held, after it has served a job of 2,000 and one of 20,000 lines.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.daemon.bundles import make_ready_bundle  # noqa: E402 - the repository is no package
from tests.daemon.daemon_process import running_daemon  # noqa: E402
from tests.review.review_server import ReviewServer, review_server  # noqa: E402
from tests.review.review_spool import make_job, make_spool  # noqa: E402

NUM_LINES, MANY_LINES = 2_000, 20_000
NUM_SPOKEN = 24
# The first frame after a line is in the page, in ms since the navigation began.
FIRST_LINE = """
    new MutationObserver((_, observer) => {
        if (!document.querySelector(".lines > li")) return;
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => { window.firstLineMs = performance.now(); }));
    }).observe(document, { childList: true, subtree: true });
"""


def main() -> None:
    arguments = parse()
    print(f"machine: {platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    with chromium() as browser:
        measure_paint(browser, arguments.rounds)
        measure_retakes(browser, arguments.rounds)
    measure_memory()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    return parser.parse_args()


@contextmanager
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        raise SystemExit("needs a chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def measure_paint(browser: Browser, rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="fishd-bench-") as name:
        folder = Path(name)
        root = make_spool(folder)
        make_job(root, "Short", 3)
        make_job(root, "Long", NUM_LINES)
        with review_server(folder) as server:
            page = browser.new_page()
            page.add_init_script(FIRST_LINE)
            page.goto(server.url)  # the token is exchanged for the cookie
            pairs = [
                (loaded(page, server, "Short"), loaded(page, server, "Long"))  # by turns
                for _ in range(rounds)
            ]
    for what, index in (("first paint", 0), ("first lines", 1)):
        short, long = (statistics.median(pair[job][index] for pair in pairs) for job in (0, 1))
        print(
            f"{what}: {long:.0f} ms for {NUM_LINES:,} lines, {short:.0f} ms for 3; medians of {rounds} loads"
            "   (bar: <= 300 ms)"
        )


def loaded(page: Page, server: ReviewServer, job: str) -> tuple[float, float]:
    """(first contentful paint, first frame with lines), in ms since the navigation began."""
    page.goto(f"http://{server.host}:{server.port}/jobs/{job}")
    page.wait_for_function(
        "() => window.firstLineMs && performance.getEntriesByName('first-contentful-paint').length"
    )
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    return painted, page.evaluate("window.firstLineMs")


def measure_retakes(browser: Browser, rounds: int) -> None:
    config = {"engine": {"name": "preview"}, "output": {"tracks": ["mix"]}}
    with (
        tempfile.TemporaryDirectory(prefix="fishd-bench-") as name,
        running_daemon(Path(name), config) as daemon,
    ):
        texts = [f"This is line number {number}, and somebody speaks it." for number in range(NUM_SPOKEN)]
        make_ready_bundle(daemon.spool / "inbox/Show", {"Ada": texts})
        daemon.wait_for_result("Show")
        with review_server(daemon.folder) as server:
            page = browser.new_page()
            page.goto(f"http://{server.host}:{server.port}/jobs/Show?token={server.token}")
            expect(page.locator(".lines > li")).to_have_count(NUM_SPOKEN)
            seconds = [retake(page) for _ in range(rounds)]
    figures = f"median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s of {rounds}"
    print(f"retake: {figures}, in a job of {NUM_SPOKEN} lines with a mix   (bar: <= 2 s)")


def retake(page: Page) -> float:
    """Of the next line; until its clip on the page is another one."""
    page.keyboard.press("j")
    clip = page.locator(".lines > li[aria-current] .play")
    former = str(clip.get_attribute("href"))
    began = time.perf_counter()
    page.keyboard.press("r")
    expect(clip).not_to_have_attribute("href", former, timeout=30_000)
    return time.perf_counter() - began


def measure_memory() -> None:
    for num_lines in (NUM_LINES, MANY_LINES):
        with tempfile.TemporaryDirectory(prefix="fishd-bench-") as name:
            folder = Path(name)
            make_job(make_spool(folder), num_lines=num_lines)
            with review_server(folder) as server:
                for _ in range(3):
                    server.request("/api/jobs/Episode")
                print(f"memory: {server.memory_mb:.0f} MB for {num_lines:,} lines   (bar: <= 120 MB)")


if __name__ == "__main__":
    main()
