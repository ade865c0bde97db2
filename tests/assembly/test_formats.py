"""The coded formats, as ffmpeg plays them: complete, in time to the sample, with chapters, tags and cover."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from fishd.assembly.encode.cover import open_picture
from fishd.assembly.encode.sinks import open_sink
from fishd.assembly.encode.sound_file import SoundFileSink
from fishd.assembly.encode.tags import NO_TAGS
from fishd.core.delivery.chapters import Chapter
from fishd.core.delivery.timeline import Break
from fishd.wire.assembly import AssemblyMetadata, AssemblyRequest, AssemblyTracks
from tests.assembly.running import assembled, decoded, ffmpeg, read, request, warnings_of
from tests.assembly.sounds import at_rate, babble, lag, spoken

CODED = ["ogg", "opus", "mp3", "m4b"]


@pytest.mark.parametrize("rate", [24_000, 44_100])
@pytest.mark.parametrize("suffix", CODED)
def test_the_last_line_is_as_much_in_time_as_the_first(tmp_path: Path, suffix: str, rate: int) -> None:
    """To the sample: what an encoder puts in front is skipped by whoever plays the file."""
    clip = at_rate(spoken(0), rate)
    lines = {(0, n): {"start_s": 20.0 * n, "end_s": 20.0 * n + 15} for n in range(4)}
    job = request(tmp_path, [clip] * 4, rate=rate, lines=lines, tracks=AssemblyTracks(f"mix.{suffix}"))
    result = assembled(job)
    heard = decoded(job, f"mix.{suffix}", rate)
    for placed in result.placements:
        assert abs(lag(heard, clip, placed.start)) <= (
            0 if rate == 24_000 else 1
        )  # 44.1 kHz is resampled twice
    assert result.length <= len(heard) <= result.length + 2_048


@pytest.mark.parametrize("suffix", ["opus", "mp3"])
def test_clips_in_a_coded_format(tmp_path: Path, suffix: str) -> None:
    """Each is a whole file of its clip's length, levelled or not."""
    for name, loudness in (("off", None), ("on", -20.0)):
        job = request(tmp_path / name, [spoken(0)], clip_format=suffix, settings={"loudness": loudness})
        result = assembled(job)
        heard = decoded(job, result.files[0].path)
        assert len(spoken(0)) == len(heard)
        assert 0 == lag(heard, spoken(0), 0)
        assert result.files[0].duration_s == len(spoken(0)) / 24_000


def test_flac_clips_are_lossless(tmp_path: Path) -> None:
    """Sample by sample."""
    job = request(tmp_path, [spoken(0)], clip_format="flac")
    assembled(job)
    assert np.array_equal(spoken(0), read(job, "clips/A/000.flac"))


@pytest.mark.parametrize("suffix", ["flac", *CODED])
def test_files_open_without_a_warning(tmp_path: Path, suffix: str) -> None:
    """In ffmpeg, which finds fault with whatever is not quite in order."""
    clip_format = "flac" if suffix in ("flac", "m4b") else suffix
    job = request(tmp_path, [spoken(0), spoken(1)], clip_format=clip_format, **_book(f"mix.{suffix}"))
    for file in assembled(job).files:
        assert "" == warnings_of(job, file.path), file.path


@pytest.mark.parametrize("suffix", CODED[1:])
def test_chapters_and_tags(tmp_path: Path, suffix: str) -> None:
    """As ffprobe lists them, to the millisecond."""
    job = request(tmp_path, [spoken(0), spoken(1), spoken(2)], **_book(f"mix.{suffix}"))
    result = assembled(job)
    probed = _probed(job, f"mix.{suffix}")
    starts = [0.0, *(placed.start / 24_000 for placed in result.placements[1:])]
    chapters = probed["chapters"]
    assert ["Eins", "Zwei & <zwei>", "Drei “drei”"] == [chapter["tags"]["title"] for chapter in chapters]
    assert starts == pytest.approx([float(chapter["start_time"]) for chapter in chapters], abs=0.0006)
    tags = {**probed["streams"][0].get("tags", {}), **probed["format"].get("tags", {})}
    tags = {name.lower(): text for name, text in tags.items()}
    assert ("Das Buch", "Eine Autorin", "deu") == (tags["title"], tags["artist"], tags["language"])


def test_a_book_beside_a_mix(tmp_path: Path) -> None:
    """Both hold the same programme; the book is an audiobook to iTunes and has all of 400 chapters."""
    clip = babble(0.2)
    job = request(
        tmp_path,
        [clip] * 400,
        lines={(0, n): {"break_before": Break.CHAPTER} for n in range(400)},
        chapters=tuple(Chapter(f"Chapter {n + 1}", n) for n in range(400)),
        settings={"pause_s": 0.05},
        tracks=AssemblyTracks(mix="tracks/mix.flac", book="Book.m4b"),
    )
    result = assembled(job)
    probed = _probed(job, "Book.m4b")
    assert 400 == len(probed["chapters"])
    assert "Chapter 400" == probed["chapters"][-1]["tags"]["title"]
    tags = probed["format"]["tags"]
    assert ("M4B ", "2", "Audiobook") == (tags["major_brand"], tags["media_type"], tags["genre"])
    assert 0 == lag(decoded(job, "Book.m4b"), read(job, "tracks/mix.flac")[-48_000:], result.length - 48_000)


@pytest.mark.parametrize("codec", ["mjpeg", "png"])
def test_a_cover(tmp_path: Path, codec: str) -> None:
    """The picture is in the book as it was."""
    cover = tmp_path / "cover"
    cover.write_bytes(_picture(codec))
    job = request(tmp_path, [spoken(0)], **_book("mix.m4b", cover=str(cover)))
    assert () == assembled(job).warnings
    streams = _probed(job, "mix.m4b")["streams"]
    pictures = [stream for stream in streams if stream["disposition"]["attached_pic"]]
    assert [(codec, 320, 240)] == [(each["codec_name"], each["width"], each["height"]) for each in pictures]
    copied = ffmpeg(
        *("-v", "error", "-i", Path(job.target, "mix.m4b"), "-map", "0:v"),
        *("-c", "copy", "-update", 1, "-f", "image2", "-y", tmp_path / "copy"),
    )
    assert b"" == copied.stderr
    assert cover.read_bytes() == (tmp_path / "copy").read_bytes()
    # What ffmpeg's reader prints for every MP4 with a cover, ffmpeg's own included.
    warnings = [line for line in warnings_of(job, "mix.m4b").splitlines() if line.startswith("[mov")]
    assert [] == [line for line in warnings if not line.endswith("stream 0, timescale not set")]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"GIF89a", "is neither JPEG nor PNG"),
        (b"\xff\xd8\xff" + bytes(range(256)) * 8, "is damaged, or has more than 25,000,000 pixels"),
        (b"\xff\xd8\xff" + bytes(16 << 20), "is larger than 16 MiB"),
        (None, "cannot be read (No such file or directory)"),
    ],
)
def test_a_cover_that_cannot_be_used_is_left_out(tmp_path: Path, content: bytes | None, fault: str) -> None:
    """The book is made without it, and says why."""
    cover = tmp_path / "cover.jpg"
    if content is not None:
        cover.write_bytes(content)
    job = request(tmp_path, [spoken(0)], **_book("mix.m4b", cover=str(cover)))
    assert (f"cover.jpg: the cover {fault}; the book has none",) == assembled(job).warnings
    assert all(stream["codec_type"] != "video" for stream in _probed(job, "mix.m4b")["streams"])


def test_a_picture_of_too_many_pixels_is_not_decoded() -> None:
    """Small as a file, but hundreds of megabytes when decoded."""
    with open_picture(_picture("png", 5_100, 5_000)) as picture:
        assert 0 == picture.streams.video[0].width


def test_a_wav_of_more_than_4_gib_is_rf64(tmp_path: Path) -> None:
    """As far as its header goes: twenty hours at 44.1 kHz do not fit a WAV."""
    path = tmp_path / "long.wav"
    with path.open("x+b") as file:
        sink = SoundFileSink(file, "wav", 44_100, 1 << 31, NO_TAGS)
        sink.write(spoken(0))
        sink.finish()
    assert b"RF64" == path.read_bytes()[:4]
    heard = ffmpeg("-v", "error", "-i", path, "-f", "s16le", "-").stdout
    assert np.array_equal(spoken(0), np.frombuffer(heard, np.int16))


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("suffix", ["wav", "flac", *CODED])
def test_every_rate_of_an_engine_can_be_encoded(suffix: str, rate: int) -> None:
    """opus takes five rates only, mp3 none above 48 kHz; the others are resampled."""
    file = io.BytesIO()
    sink = open_sink(file, suffix, rate, rate)
    for piece in np.array_split(babble(1.0, rate=rate), 7):
        sink.write(piece)
    sink.finish()
    file.seek(0)
    with av.open(file) as container:
        duration_s = float(container.duration) / av.time_base
    assert duration_s == pytest.approx(1.0, abs=0.15)


def _book(mix: str, **metadata: str) -> dict[str, Any]:
    """A mix with three chapters and tags that need escaping."""
    return {
        "tracks": AssemblyTracks(mix=mix),
        "chapters": (Chapter("Eins", 0), Chapter("Zwei & <zwei>", 1), Chapter("Drei “drei”", 2)),
        "metadata": AssemblyMetadata("Das Buch", "Eine Autorin", "de-AT", **metadata),
    }


def _probed(job: AssemblyRequest, path: str) -> dict[str, Any]:
    arguments = ("-v", "error", "-of", "json", "-show_chapters", "-show_streams", "-show_format")
    return json.loads(ffmpeg(*arguments, Path(job.target, path), tool="ffprobe").stdout)


def _picture(codec: str, width: int = 320, height: int = 240) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="image2pipe") as container:
        stream = container.add_stream(codec, rate=1)
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "rgb24"
        pixels = np.zeros((height, width, 3), np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()
