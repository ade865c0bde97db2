"""The tests of test_bundle_fuzz.py with 20,000 cases, and a coverage-guided test of the parser."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.shell.cli import environ
from tests.shell.test_bundle_fuzz import (
    DAMAGED,
    FILES,
    NEARLY_GOOD,
    TREES,
    drop_and_read,
    is_consistent,
    read,
)

LONG = settings(max_examples=4_000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]


@LONG
@given(TREES)
def test_any_of_4000_trees_is_a_job_or_faults(tree: dict[str, object]) -> None:
    """It has any keys and any types."""
    assert is_consistent(read(tomli_w.dumps(tree).encode("utf-8", "replace")))


@LONG
@given(NEARLY_GOOD)
def test_any_of_4000_sets_of_values_is_a_job_or_faults(tree: dict[str, object]) -> None:
    """The keys are valid."""
    assert is_consistent(read(tomli_w.dumps(tree).encode("utf-8", "replace")))


@LONG
@given(DAMAGED)
def test_any_of_4000_damaged_manifests_is_a_job_or_faults(text: str) -> None:
    """Editors and partial copies may leave such a manifest."""
    assert is_consistent(read(text.encode()))


@LONG
@given(st.binary(max_size=2_000))
def test_any_of_4000_byte_strings_is_a_job_or_faults(content: bytes) -> None:
    """The manifest is not text."""
    assert is_consistent(read(content))


@LONG
@given(FILES, st.binary(max_size=40))
def test_any_of_4000_trees_of_files_is_a_job_or_faults(
    entries: dict[bytes, list[str] | None], content: bytes
) -> None:
    """It has no manifest, and any names of folders and files."""
    assert is_consistent(drop_and_read(entries, content))


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="atheris is not installed: pip install atheris (wheels for some Pythons only)",
)
def test_the_parser_raises_nothing_for_coverage_guided_bytes(tmp_path: Path) -> None:
    """libFuzzer stops with an error at the first exception."""
    limits = ["-runs=500000", "-max_len=2000", "-malloc_limit_mb=512"]
    no_rss_limit = "-rss_limit_mb=0"  # it would include the peak of the parent process
    ended = subprocess.run(
        [sys.executable, "-m", "tests.shell.fuzz_manifest", *limits, no_rss_limit, str(tmp_path)],
        env=environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == ended.returncode, ended.stderr[-3_000:]
