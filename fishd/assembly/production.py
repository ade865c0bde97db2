"""The lines in the order in which they are heard: each is read, levelled, published and put on its tracks.

Only so many stems are open at once. A job of more speakers takes another pass over the lines of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from io import BufferedRandom
from itertools import cycle
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from fishd.assembly.encode.clip import encoded_clip
from fishd.assembly.encode.encoding_thread import EncodingThread, ThreadedSink
from fishd.assembly.encode.sinks import open_sink
from fishd.assembly.encode.tags import Tags
from fishd.assembly.levels import levelled, magnitude
from fishd.assembly.programme import Programme
from fishd.assembly.progress import Progress
from fishd.assembly.raw_clips import RawClips
from fishd.assembly.signal.stretch import fitted
from fishd.assembly.target_folder import TargetFolder
from fishd.assembly.track import Track
from fishd.core.delivery.timeline import Placement
from fishd.wire.assembly import AssemblyRequest, SpeakerLevel

_MOST_OPEN_STEMS = 64
_MOST_ENCODING_THREADS = 4  # which tracks take by turns


@dataclass(frozen=True, slots=True)
class Pass:
    """Lines by their starts, and the speakers whose stems are written; None stands for the mix."""

    lines: Sequence[int]
    speakers: Sequence[int | None]
    publishes: bool


def plan_passes(request: AssemblyRequest, programme: Programme) -> list[Pass]:
    """The first pass writes the clips, the mix and as many stems as may be open at once."""
    starts = {n: placed.start for n, placed in enumerate(programme.placements) if placed is not None}
    lines = sorted((n for n in starts if request.lines[n].clip is not None), key=starts.__getitem__)
    stems = [n for n, speaker in enumerate(request.speakers) if speaker.stem is not None]
    passes = [Pass(lines, [None, *stems[:_MOST_OPEN_STEMS]], publishes=True)]
    for first in range(_MOST_OPEN_STEMS, len(stems), _MOST_OPEN_STEMS):
        group = stems[first : first + _MOST_OPEN_STEMS]
        theirs = [n for n in lines if request.lines[n].speaker in group]
        passes.append(Pass(theirs, group, publishes=False))
    return passes


@dataclass(frozen=True, slots=True)
class _OpenTrack:
    track: Track
    files: Mapping[str, BufferedRandom]  # by their paths


@dataclass(frozen=True, slots=True)
class Production:
    """A programme, and all that it takes to write its clips and tracks into the target folder."""

    request: AssemblyRequest
    clips: RawClips
    levels: Sequence[SpeakerLevel]
    ceiling_dbtp: float
    programme: Programme
    tags: Tags
    target: TargetFolder
    progress: Progress

    def run(self, passes: Iterable[Pass]) -> None:
        with ExitStack() as stack:
            threads = cycle([stack.enter_context(EncodingThread()) for _ in range(_MOST_ENCODING_THREADS)])
            for one in passes:
                self._run(one, threads)

    def _run(self, one: Pass, threads: Iterator[EncodingThread]) -> None:
        tracks = {speaker: self._open(speaker, threads) for speaker in one.speakers if self._paths(speaker)}
        for n in one.lines:
            line, placement = self.request.lines[n], self.programme.placements[n]
            assert line.clip is not None
            assert placement is not None
            its_tracks = [tracks[key].track for key in (None, line.speaker) if key in tracks]
            published = line.published if one.publishes else None
            self._line(line.clip, self.levels[line.speaker], placement, published, its_tracks)
            self.progress.add(self._seconds(placement))
        for opened in tracks.values():
            opened.track.finish(self.programme.length)
            for path, file in opened.files.items():
                self.target.finish(file, path, self.programme.length_s)

    def _line(
        self,
        clip: str,
        level: SpeakerLevel,
        placement: Placement,
        published: str | None,
        tracks: Sequence[Track],
    ) -> None:
        if published is not None and _suffix(published) == "wav" and not level.gain_db:
            self.target.link(self.clips.folder / clip, published, self._seconds(placement))
            published = None
        if published is None and not tracks:
            return
        samples = levelled(self.clips.read(clip), level, self.clips.sample_rate, self.ceiling_dbtp)
        if published is not None:
            content = encoded_clip(samples, _suffix(published), self.clips.sample_rate)
            self.target.write(published, content, self._seconds(placement))
        heard = self._fitted(samples, placement) if tracks else samples
        for track in tracks:
            track.add(placement.start, heard)

    def _seconds(self, placement: Placement) -> float:
        return self.programme.timeline.seconds(placement.clip_length)

    def _fitted(
        self, samples: NDArray[np.int16], placement: Placement
    ) -> NDArray[np.int16] | NDArray[np.float32]:
        if placement.length == len(samples):
            return samples
        return fitted(samples.astype(np.float32), self.clips.sample_rate, placement.length)

    def _paths(self, speaker: int | None) -> list[str]:
        """Where a stem, or the mix, is written to."""
        tracks = self.request.tracks
        paths = (tracks.mix, tracks.book) if speaker is None else (self.request.speakers[speaker].stem,)
        return [path for path in paths if path is not None] if self.programme.length else []

    def _open(self, speaker: int | None, threads: Iterator[EncodingThread]) -> _OpenTrack:
        rate, length, tags = self.clips.sample_rate, self.programme.length, self._tags(speaker)
        files = {path: self.target.create(path) for path in self._paths(speaker)}
        sinks = [
            ThreadedSink(open_sink(file, _suffix(path), rate, length, tags), next(threads))
            for path, file in files.items()
        ]
        return _OpenTrack(Track(sinks, rate, magnitude(self.ceiling_dbtp)), files)

    def _tags(self, speaker: int | None) -> Tags:
        if speaker is None:
            return self.tags
        name = self.request.speakers[speaker].name
        title = f"{self.tags.title} – {name}" if self.tags.title else name
        return replace(self.tags, title=title, chapters=())


def _suffix(path: str) -> str:
    return PurePath(path).suffix[1:]
