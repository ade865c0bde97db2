"""Which tracks are built."""

from __future__ import annotations

import pytest

from fishd.core.delivery.settings import DeliverySettings


@pytest.mark.parametrize(
    ("has_times", "has_chapters", "tracks"),
    [(True, False, ("mix",)), (False, True, ("mix",)), (True, True, ("mix",)), (False, False, ())],
)
def test_by_default_a_script_with_times_or_chapters_is_mixed(
    has_times: bool, has_chapters: bool, tracks: tuple[str, ...]
) -> None:
    """A plain list of lines stays a folder of clips."""
    assert tracks == DeliverySettings().tracks_for(has_times=has_times, has_chapters=has_chapters)


@pytest.mark.parametrize("tracks", [(), ("speakers",), ("mix", "speakers")])
def test_configured_tracks_are_built_whatever_the_script_has(tracks: tuple[str, ...]) -> None:
    """An empty list is none at all."""
    settings = DeliverySettings(tracks=tracks)

    assert tracks == settings.tracks_for(has_times=True, has_chapters=True)
    assert tracks == settings.tracks_for(has_times=False, has_chapters=False)
