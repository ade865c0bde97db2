"""The baselines of a job's speakers, against which its takes are checked."""

from __future__ import annotations

from fishd.core.model.job import Segment, Speaker
from fishd.core.quality.baseline import SpeakerBaseline
from fishd.core.quality.features import SignalFeatures
from fishd.core.quality.signal_check import assess_take
from fishd.core.quality.take_quality import TakeQuality


class Baselines:
    """Learns from the reference clips and from the takes that are kept."""

    def __init__(self) -> None:
        # The mutable state: features of reference clips by path; baselines by voice and language, each made
        # when it is first needed.
        self._references: dict[str, SignalFeatures] = {}
        self._baselines: dict[tuple[str, str], SpeakerBaseline] = {}

    def add_reference(self, path: str, features: SignalFeatures) -> None:
        self._references[path] = features

    def assess(self, speaker: Speaker, segment: Segment, features: SignalFeatures) -> TakeQuality:
        return assess_take(features, segment.speech, self._baseline(speaker, segment))

    def add_take(self, speaker: Speaker, segment: Segment, take: TakeQuality) -> None:
        key = speaker.voice_key, segment.language
        self._baselines[key] = self._baseline(speaker, segment).with_take(take)

    def _baseline(self, speaker: Speaker, segment: Segment) -> SpeakerBaseline:
        found = self._baselines.get((speaker.voice_key, segment.language))
        if found is None:
            clips = [self._references[path] for path in speaker.files if path in self._references]
            transcript = speaker.transcript if segment.language == speaker.language else ""
            found = SpeakerBaseline.of_reference(clips, transcript)
        return found
