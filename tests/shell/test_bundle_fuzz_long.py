"""The fuzz of test_bundle_fuzz.py at length: 20,000 cases, and the parser under coverage-guided bytes."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.shell.test_bundle_fuzz import FILES, NEARLY_GOOD, SPOILT, TREES, drop_and_read, read, sound

ROOT = Path(__file__).parents[2]
LONG = settings(max_examples=4_000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]


@LONG
@given(TREES)
def test_four_thousand_trees(tree: dict[str, object]) -> None:
    """Any keys, any types."""
    assert sound(read(tomli_w.dumps(tree).encode("utf-8", "replace")))


@LONG
@given(NEARLY_GOOD)
def test_four_thousand_sets_of_values(tree: dict[str, object]) -> None:
    """The right keys, any values."""
    assert sound(read(tomli_w.dumps(tree).encode("utf-8", "replace")))


@LONG
@given(SPOILT)
def test_four_thousand_cuts_of_a_good_manifest(text: str) -> None:
    """As editors and partial copies leave them."""
    assert sound(read(text.encode()))


@LONG
@given(st.binary(max_size=2_000))
def test_four_thousand_manifests_that_are_not_text(content: bytes) -> None:
    """Any bytes."""
    assert sound(read(content))


@LONG
@given(FILES, st.binary(max_size=40))
def test_four_thousand_trees_of_files(entries: dict[bytes, list[str] | None], content: bytes) -> None:
    """By convention: any names, any content."""
    assert sound(drop_and_read(entries, content))


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="atheris is not installed: pip install atheris (wheels for some Pythons only)",
)
def test_the_parser_survives_guided_bytes(tmp_path: Path) -> None:
    """libFuzzer searches for bytes that take a new branch; an exception would stop it."""
    limits = ["-runs=500000", "-max_len=2000", "-malloc_limit_mb=512"]
    no_rss_limit = "-rss_limit_mb=0"  # it would count the peak of the process that started it
    ended = subprocess.run(
        [sys.executable, "-m", "tests.shell.fuzz_manifest", *limits, no_rss_limit, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == ended.returncode, ended.stderr[-3_000:]
