"""The layout of a job: the order of its lines, its clips' files, the tracks that are built from them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import replace

from fishd.core.delivery.settings import NEED_AV, DeliverySettings, Track
from fishd.core.model.job import Fault, Speaker
from fishd.spool.bundle.scripts.model import Script
from fishd.spool.names import clip_paths

FORMATS_FIX = "pip install 'fishd[formats]'"


def in_order(speakers: Sequence[Speaker]) -> list[Speaker]:
    """With positions where the manifest gave none: by wanted start, else as the manifest lists them."""
    segments = [segment for speaker in speakers for segment in speaker.segments]
    if all(segment.position >= 0 for segment in segments):
        return list(speakers)
    places = [(s, n) for s, speaker in enumerate(speakers) for n in range(len(speaker.segments))]
    if all(segment.start is not None for segment in segments):
        places.sort(key=lambda place: speakers[place[0]].segments[place[1]].start or 0.0)
    positions = {place: position for position, place in enumerate(places)}
    return [
        replace(
            speaker,
            segments=tuple(
                replace(segment, position=positions[s, n]) for n, segment in enumerate(speaker.segments)
            ),
        )
        for s, speaker in enumerate(speakers)
    ]


def tracks_of(delivery: DeliverySettings, speakers: Sequence[Speaker], script: Script) -> tuple[Track, ...]:
    has_times = any(segment.start is not None for speaker in speakers for segment in speaker.segments)
    return delivery.tracks_for(has_times=has_times, has_chapters=bool(script.chapters))


def with_clips(
    speakers: Sequence[Speaker], delivery: DeliverySettings, tracks: Sequence[Track]
) -> tuple[Speaker, ...]:
    names = [(s.name, [segment.id for segment in s.segments]) for s in speakers]
    clips = clip_paths(names, delivery.format)
    take_format = delivery.take_format(tracks)
    is_same = delivery.format == take_format
    raw_clips = clips if is_same else clip_paths(names, take_format)
    return tuple(
        replace(
            speaker,
            segments=tuple(
                replace(segment, clip=clip, raw_clip="" if is_same else raw)
                for segment, clip, raw in zip(speaker.segments, files, raws, strict=True)
            ),
        )
        for speaker, files, raws in zip(speakers, clips, raw_clips, strict=True)
    )


def missing_packages(delivery: DeliverySettings, tracks: Sequence[Track]) -> Iterator[Fault]:
    """A fault for each format that needs a package which is not installed."""
    formats = {"output.format": delivery.format}
    if tracks:
        formats["output.track_format"] = delivery.track_format
    for where, name in formats.items():
        if name in NEED_AV and importlib.util.find_spec("av") is None:
            yield Fault(where, f'is "{name}", which needs the extra formats: {FORMATS_FIX}')
