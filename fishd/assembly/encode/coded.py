"""opus, mp3 and m4b (AAC) by FFmpeg's libraries, which PyAV brings: the extra `formats`.

Each of these encoders begins with some milliseconds of its own (opus 6.5, AAC 1,024 samples, mp3 1,105) and
the file says so: Ogg's pre-skip, MP4's edit list, the LAME header. Players leave them out, so that sample n
is heard at n / sample_rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO

import av
import numpy as np
import soxr
from av.stream import Disposition
from numpy.typing import NDArray

from fishd.assembly.encode.cover import open_picture
from fishd.assembly.encode.tags import Tags


@dataclass(frozen=True, slots=True)
class _Format:
    container: str
    encoder: str
    options: dict[str, str]


_FORMATS = {
    "opus": _Format("opus", "libopus", {"b": "64k"}),
    # LAME's best VBR, some 100 kb/s: its constant rates overshoot by up to 7 dB, and are 0.4 dB quieter.
    "mp3": _Format("mp3", "libmp3lame", {"flags": "+qscale", "global_quality": "0"}),
    # ffmpeg's other coder, twoloop, is slower, further from the original, and overshoots by up to 4 dB.
    "m4b": _Format("mp4", "aac", {"b": "64k", "aac_coder": "fast"}),
}
_BOOK_OPTIONS = {"brand": "M4B "}
_BOOK_TAGS = {"genre": "Audiobook", "media_type": "2"}  # iTunes' number of audiobooks
# MP4 and ID3 want ISO 639-2.
_LANGUAGES = {
    "ar": "ara", "cs": "ces", "da": "dan", "de": "deu", "el": "ell", "en": "eng", "es": "spa", "fi": "fin",
    "fr": "fra", "hi": "hin", "hu": "hun", "it": "ita", "ja": "jpn", "ko": "kor", "nl": "nld", "no": "nor",
    "pl": "pol", "pt": "por", "ro": "ron", "ru": "rus", "sv": "swe", "tr": "tur", "uk": "ukr", "zh": "zho",
}  # fmt: skip


class CodedSink:
    """Encodes at the input's sample rate, or at the next higher that the encoder takes."""

    def __init__(self, file: BinaryIO, suffix: str, sample_rate: int, tags: Tags) -> None:
        kind = _FORMATS[suffix]
        is_book = suffix == "m4b"
        self._rate = _encoder_rate(kind.encoder, sample_rate)
        self._resampler = _resampler(sample_rate, self._rate)
        self._num_encoded = 0
        options = _BOOK_OPTIONS if is_book else {}
        self._container: Any = av.open(file, "w", format=kind.container, options=options)
        self._container.metadata.update(_texts(tags) | (_BOOK_TAGS if is_book else {}))
        if suffix == "opus":
            self._container.metadata.update(_chapter_comments(tags))
        else:
            self._container.set_chapters(_chapters(tags))
        self._stream: Any = self._container.add_stream(
            kind.encoder, rate=self._rate, layout="mono", options=kind.options
        )
        self._stream.metadata["language"] = _language(tags.language)
        if is_book and tags.cover:
            _add_cover(self._container, tags.cover)

    def write(self, samples: NDArray[np.int16]) -> None:
        self._encode(samples if self._resampler is None else self._resampler.resample_chunk(samples))

    def finish(self) -> None:
        if self._resampler is not None:
            self._encode(self._resampler.resample_chunk(np.zeros(0, np.int16), last=True))
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def _encode(self, samples: NDArray[np.int16]) -> None:
        if not len(samples):
            return
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = self._rate
        frame.time_base = Fraction(1, self._rate)
        frame.pts = self._num_encoded
        self._num_encoded += len(samples)
        self._container.mux(self._stream.encode(frame))


def _encoder_rate(encoder: str, sample_rate: int) -> int:
    rates = sorted(av.Codec(encoder, "w").audio_rates or (sample_rate,))
    return next((rate for rate in rates if rate >= sample_rate), rates[-1])


def _resampler(sample_rate: int, rate: int) -> soxr.ResampleStream | None:
    return None if rate == sample_rate else soxr.ResampleStream(sample_rate, rate, 1, dtype="int16")


def _texts(tags: Tags) -> dict[str, str]:
    title, author = tags.title, tags.author
    texts = {"title": title, "album": title, "artist": author, "album_artist": author}
    texts["language"] = _language(tags.language)
    return {name: text for name, text in texts.items() if text}


def _language(tag: str) -> str:
    """ISO 639-2 of a BCP 47 tag; "" where it is not known, which FFmpeg leaves out."""
    primary = tag.partition("-")[0].lower()
    return primary if len(primary) == 3 else _LANGUAGES.get(primary, "")


def _chapters(tags: Tags) -> list[Any]:
    return [
        {
            "id": number,
            "start": mark.start_ms,
            "end": mark.end_ms,
            "time_base": Fraction(1, 1000),
            "metadata": {"title": mark.title},
        }
        for number, mark in enumerate(tags.chapters)
    ]


def _chapter_comments(tags: Tags) -> dict[str, str]:
    """What FFmpeg's Ogg muxer would write, but for its times: it rounds their seconds, and adds the rest."""
    comments: dict[str, str] = {}
    for number, mark in enumerate(tags.chapters):
        seconds, ms = divmod(mark.start_ms, 1000)
        minutes, seconds = divmod(seconds, 60)
        time = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.{ms:03}"
        comments |= {f"CHAPTER{number:03}": time, f"CHAPTER{number:03}NAME": mark.title}
    return comments


def _add_cover(container: Any, cover: bytes) -> None:
    """The picture as it is, not encoded again."""
    with open_picture(cover) as picture:
        source = picture.streams.video[0]
        stream = container.add_stream_from_template(source)
        stream.disposition = Disposition.attached_pic
        packet = next(packet for packet in picture.demux(source) if packet.size)
        packet.stream = stream
        packet.pts = packet.dts = 0
        container.mux(packet)
