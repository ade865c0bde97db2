"""A bundle that asks for listening."""

from __future__ import annotations

from pathlib import Path

from tests.daemon import config_effects
from tests.daemon.bundles import make_bundle


def test_a_bundle_cannot_ask_for_listening_where_no_recogniser_is_configured(tmp_path: Path) -> None:
    observe = config_effects.faults_of(lambda path: make_bundle(path, quality={"check": "listen"}))

    assert ['is "listen", but no quality.recogniser is configured on this machine'] == observe({}, tmp_path)


def test_a_bundle_that_names_a_recogniser_is_told_what_it_may_name(tmp_path: Path) -> None:
    observe = config_effects.faults_of(lambda path: make_bundle(path, quality={"recogniser": "/etc"}))

    (fault,) = observe({}, tmp_path)
    assert "check, max_wer, min_similarity" in fault
