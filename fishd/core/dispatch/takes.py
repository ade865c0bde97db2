"""One take of a segment: its order, its seed, and the longest audio that it may become."""

from __future__ import annotations

import hashlib
import unicodedata

from fishd.core.dispatch.actions import SendTake
from fishd.core.dispatch.job_state import JobRecord
from fishd.core.dispatch.worker_state import WorkerRecord

RETRY_SEEDS = 1000  # takes of a segment have other seeds when its job is retried
_BASE_S = 3.0
_LONGEST_S = 180.0
_LETTER_S = 0.14  # slow English: 7 letters a second; usual is 14
_WIDE_S = 0.6  # a Han character, kana or hangul syllable; usual is 0.2
_DIGIT_S = 0.7  # "7" is a word


def make_send_take(worker: WorkerRecord, job: JobRecord, s: int, n: int, takes: int) -> SendTake:
    """Have this worker speak segment `n` of speaker `s`, for the `takes`-th time in this job."""
    speaker = job.job.speakers[s]
    segment = speaker.segments[n]
    number = segment.earlier_takes + takes
    attempt = job.job.retry * RETRY_SEEDS + number
    return SendTake(
        worker=worker.id,
        device=worker.device,
        take=f"{job.serial}.{s}.{n}.{number}.{worker.id}",
        job=job.job,
        speaker_index=s,
        segment_index=n,
        number=number,
        seed=take_seed(speaker.voice_key, segment.language, segment.speech, attempt),
        limit_s=limit_s(segment.speech),
    )


def limit_s(text: str) -> float:
    """The longest audio that a text may become, in seconds: about twice what a slow reader needs."""
    seconds = _BASE_S
    for character in text:
        if character.isdigit():
            seconds += _DIGIT_S
        elif unicodedata.east_asian_width(character) in "WF":
            seconds += _WIDE_S
        else:
            seconds += _LETTER_S
    return min(seconds, _LONGEST_S)


def take_seed(voice_key: str, language: str, text: str, take: int) -> int:
    """The seed of the `take`-th attempt at a text: the same in every run, another for every attempt."""
    words = "\0".join((voice_key, language, text, str(take))).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), "big") >> 1
