"""The baselines of a job's speakers, against which its takes are checked."""

from __future__ import annotations

from dataclasses import replace

from fishd.core.model.job import Segment, Speaker
from fishd.core.quality.baseline import SpeakerBaseline
from fishd.core.quality.features import SignalFeatures
from fishd.core.quality.signal_check import assess_take
from fishd.core.quality.take_quality import TakeQuality


class Baselines:
    """Learns from the reference clips and from the takes that are kept, in any order."""

    def __init__(self) -> None:
        # The mutable state: features of reference clips by path; by voice and language what the takes say,
        # and what the reference clips say once all of them are known.
        self._references: dict[str, SignalFeatures] = {}
        self._of_takes: dict[tuple[str, str], SpeakerBaseline] = {}
        self._of_references: dict[tuple[str, str], SpeakerBaseline] = {}

    def add_reference(self, path: str, features: SignalFeatures) -> None:
        self._references[path] = features

    def assess(self, speaker: Speaker, segment: Segment, features: SignalFeatures) -> TakeQuality:
        key = speaker.voice_key, segment.language
        takes = self._of_takes.get(key, SpeakerBaseline()).takes
        return assess_take(features, segment.speech, replace(self._reference(speaker, segment), takes=takes))

    def add_take(self, speaker: Speaker, segment: Segment, take: TakeQuality) -> None:
        key = speaker.voice_key, segment.language
        self._of_takes[key] = self._of_takes.get(key, SpeakerBaseline()).with_take(take)

    def _reference(self, speaker: Speaker, segment: Segment) -> SpeakerBaseline:
        key = speaker.voice_key, segment.language
        found = self._of_references.get(key)
        if found is None:
            clips = [self._references[path] for path in speaker.files if path in self._references]
            transcript = speaker.transcript if segment.language == speaker.language else ""
            found = SpeakerBaseline.of_reference(clips, transcript)
            if len(clips) == len(speaker.files):
                self._of_references[key] = found
        return found
