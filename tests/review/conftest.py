"""Fixtures of the review page's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.review.review_server import ReviewServer, review_server
from tests.review.review_spool import make_job, make_spool


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spool with one job, Episode; its configuration is beside it."""
    folder = tmp_path_factory.mktemp("review")
    make_job(make_spool(folder))
    return folder


@pytest.fixture(scope="module")
def root(folder: Path) -> Path:
    return folder / "spool"


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ReviewServer]:
    with review_server(folder) as running:
        yield running
