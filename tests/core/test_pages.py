"""The pages name files, tests and other pages that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *(page for page in ROOT.glob("*.md") if page.name != "CHANGELOG.md"),  # which may name what is gone
    *(page for folder in ("docs", "bench", "inbox_example") for page in (ROOT / folder).rglob("*.md")),
]
CODE = [
    path for folder in ("fishd", "tests", "bench", "inbox_example") for path in (ROOT / folder).rglob("*.py")
]
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
NAMED_CODE = re.compile(r"`(?:python )?([\w/]+\.py)(?:::(\w+))?")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    """To a file of the repository, and to a heading where it names one."""
    missing = []
    for path, heading in LINK.findall(page.read_text("utf-8")):
        target = page.parent / path if path else page
        if not target.exists() or (heading and heading not in headings(target)):
            missing.append(f"{path}#{heading}")

    assert [] == missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_module_and_test_that_a_page_names_exists(page: Path) -> None:
    """By its path from the root or from fishd/, or by the end of it."""
    missing = []
    for path, function in NAMED_CODE.findall(page.read_text("utf-8")):
        found = [file for file in CODE if f"/{file.relative_to(ROOT)}".endswith(f"/{path}")]
        defined = f"def {function}(" if function else ""
        if not any(defined in file.read_text("utf-8") for file in found):
            missing.append(f"{path}::{function}")

    assert [] == missing


def headings(page: Path) -> set[str]:
    """Of a page, as GitHub writes them in links."""
    lines = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}
