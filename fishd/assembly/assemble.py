"""The whole assembly of one job: measure, plan, produce, and write the texts."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from fishd.assembly.encode.tags import Tags
from fishd.assembly.levels import NOT_LEVELLED, level_of
from fishd.assembly.production import Pass, Production, plan_passes
from fishd.assembly.programme import Programme, plan_programme, texts_of
from fishd.assembly.progress import Progress
from fishd.assembly.raw_clips import RawClips
from fishd.assembly.request import ceiling_dbtp, check_request, has_book, spoken_clips
from fishd.assembly.signal.loudness import LoudnessMeter, Measurement
from fishd.assembly.target_folder import TargetFolder
from fishd.wire.assembly import AssemblyProgress, AssemblyRequest, AssemblyResult, SpeakerLevel

NOTHING_SPOKEN = "no line has a clip: there are no tracks"


def assemble(request: AssemblyRequest, tell: Callable[[AssemblyProgress], None]) -> AssemblyResult:
    """Raises AssemblyError, or OSError for what the disk refuses; the target folder is then of no use."""
    check_request(request)
    clips = RawClips(Path(request.source))
    with TargetFolder(Path(request.target)) as target:
        lengths = clips.lengths(spoken_clips(request))
        programme = plan_programme(request, lengths, clips.sample_rate)
        passes = plan_passes(request, programme)
        progress = Progress(_total_s(request, lengths, passes, clips.sample_rate), tell, time.monotonic)
        ceiling = ceiling_dbtp(request)
        levels = _levels(request, clips, ceiling, progress)
        tags, warnings = _tags(request, programme)
        Production(request, clips, levels, ceiling, programme, tags, target, progress).run(passes)
        for path, text in texts_of(request, programme.timeline).items():
            target.write(path, text.encode())
        return AssemblyResult(
            sample_rate=clips.sample_rate,
            length=programme.length,
            speakers=tuple(levels),
            placements=programme.placements,
            files=tuple(target.files),
            warnings=tuple(warnings),
            chapters=programme.chapters,
        )


def _total_s(
    request: AssemblyRequest, lengths: Sequence[int], passes: Iterable[Pass], sample_rate: int
) -> float:
    """Of the audio, each clip as often as it is read."""
    measured = 0 if request.settings.loudness is None else sum(lengths)
    return (measured + sum(lengths[n] for one in passes for n in one.lines)) / sample_rate


def _levels(
    request: AssemblyRequest, clips: RawClips, ceiling: float, progress: Progress
) -> list[SpeakerLevel]:
    """One speaker after the other: a meter holds some megabytes."""
    target = request.settings.loudness
    if target is None:
        return [NOT_LEVELLED] * len(request.speakers)
    clips_of: defaultdict[int, list[str]] = defaultdict(list)
    for line, clip in zip(request.lines, spoken_clips(request), strict=True):
        if clip is not None:
            clips_of[line.speaker].append(clip)
    measured = (_measured(clips, clips_of[n], progress) for n in range(len(request.speakers)))
    return [level_of(measurement, target, ceiling) for measurement in measured]


def _measured(clips: RawClips, paths: Iterable[str], progress: Progress) -> Measurement:
    meter = LoudnessMeter(clips.sample_rate)
    for path in paths:
        samples = clips.read(path)
        meter.add(samples)
        progress.add(len(samples) / clips.sample_rate)
    return meter.finish()


def _tags(request: AssemblyRequest, programme: Programme) -> tuple[Tags, list[str]]:
    """With warnings: of a cover that cannot be used, and of a programme without a sound."""
    metadata = request.metadata
    warnings = [] if programme.length else [NOTHING_SPOKEN]
    cover = b""
    if metadata.cover is not None and has_book(request):
        from fishd.assembly.encode.cover import read_cover

        cover, fault = read_cover(Path(metadata.cover))
        warnings += [fault] if fault else []
    return Tags(metadata.title, metadata.author, metadata.language, cover, programme.chapters), warnings
