"""Takes whose frames are complete, on their way through the codec: batched, submitted, collected, checked."""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from torch import Tensor

from fishd.engines.fish.codec.chunks import CHUNK_FRAMES, group_by_length
from fishd.engines.fish.codec.clip_check import check_clip
from fishd.engines.fish.codec.codec import Codec, CodecJob
from fishd.engines.protocol import Failed, Spoken, Take

MAX_WAIT_FRAMES = 16  # that other takes advance while a complete take waits for a larger batch


class CodecQueue:
    """Complete takes in order of arrival, and the codec's jobs in order of submission."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._complete: list[tuple[Take, Tensor]] = []
        self._jobs: deque[tuple[list[Take], CodecJob]] = deque()  # takes without a frame are last in a job
        self._wait_frames = MAX_WAIT_FRAMES

    def add(self, take: Take, codes: Tensor) -> None:
        """Queue a take; `codes` are int64 [codebooks, frames], of which there may be none."""
        if not self._complete:
            self._wait_frames = MAX_WAIT_FRAMES
        self._complete.append((take, codes))

    def count_frame(self) -> None:
        """The other takes advanced by one frame."""
        self._wait_frames -= 1

    def submit_batch(self, *, is_idle: bool) -> int:
        """Submit a batch if it is large enough, has waited long enough, or nothing else is being decoded.

        Returns how many takes were submitted. If it raises, they stay queued.
        """
        lengths = [codes.shape[1] for _, codes in self._complete]
        is_large = len(lengths) >= self._codec.max_clips or sum(lengths) >= CHUNK_FRAMES
        if not lengths or (not is_idle and self._wait_frames > 0 and not is_large):
            return 0
        group = group_by_length(lengths, self._codec.max_clips)[0]
        voiced, empty = [i for i in group if lengths[i]], [i for i in group if not lengths[i]]
        job = self._codec.submit([self._complete[i][1] for i in voiced]) if voiced else CodecJob([])
        self._jobs.append(([self._complete[i][0] for i in (*voiced, *empty)], job))
        self._complete = [item for i, item in enumerate(self._complete) if i not in group]
        return len(group)

    def collect(self, *, wait: bool) -> Iterator[Spoken | Failed]:
        """The takes whose audio is ready. With `wait`, and unless some are yet to be submitted, all takes."""
        while self._jobs:
            takes, job = self._jobs[0]
            if not ((wait and not self._complete) or job.is_done()):
                return
            clips = job.result()
            self._jobs.popleft()
            for i, take in enumerate(takes):
                audio = clips[i] if i < len(clips) else None
                yield check_clip(take.id, audio, self._codec.sample_rate)

    def move_to_cpu(self) -> None:
        """Keep the complete takes' codes in the host's memory."""
        self._complete = [(take, codes.cpu()) for take, codes in self._complete]

    def clear(self) -> None:
        self._complete.clear()
        self._jobs.clear()
