"""What would come out of a bundle: its title, clips, tracks, speakers with their voices, and chapters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.segment import Segment

from fishd.core.delivery.settings import DeliverySettings
from fishd.core.delivery.timeline import Break
from fishd.core.model.job import Job, Speaker
from fishd.core.text.humanize import count, duration
from fishd.core.text.printable import to_printable
from fishd.view.bundle.line_list import MARKS
from fishd.view.crop import cropped
from fishd.view.layout import DIM, NAME, PLAIN, WIDTH, Cell, Column, heading, table
from fishd.view.wrap import wrapped

_MOST_ROWS = 40
_MOST_FILES = 12
_VOICE_CELLS = 30
_TITLE_CELLS = 56
_LABEL_CELLS = 10
_SPEAKERS = (
    Column("Speaker"),
    Column("Voice"),
    Column("Reference", right=True),
    Column("Language"),
    Column("Lines", right=True),
)
_CHAPTERS = (Column("Chapter"), Column("From line"), Column("Lines", right=True))


@dataclass(frozen=True, slots=True)
class Voice:
    """Where a speaker's voice comes from, and how many seconds of reference it has."""

    source: str
    reference_s: float


@dataclass(frozen=True, slots=True)
class Products:
    """What is made of a job: the paths of its tracks and texts, and of its audiobook or why there is none."""

    tracks: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    book: str = ""
    no_book: str = ""
    cover: str = ""


def overview(job: Job, voices: Sequence[Voice], products: Products, *, show_all: bool) -> Iterator[Segment]:
    """`voices` are the speakers', in their order."""
    yield Segment("\n")
    for label, text in _facts(job, products):
        yield from _fact(label, text)
    yield from _speakers(job, voices, show_all=show_all)
    if job.chapters:
        yield from _chapters(job, show_all=show_all)


def _facts(job: Job, products: Products) -> Iterator[tuple[str, str]]:
    yield from (
        (label, to_printable(text))
        for label, text in (("Title", job.title), ("Author", job.author), ("Cover", products.cover))
        if text and text != job.name
    )
    yield "Clips", _clips(job)
    for n, files in enumerate(filter(None, (products.tracks, products.texts))):
        yield "" if n else "Tracks", _listed(files)
    if not (products.tracks or products.texts):
        yield "Tracks", "none"
    if products.book or products.no_book:
        yield "Audiobook", to_printable(products.book) or f"none: {products.no_book}"
    if job.tracks:
        yield from _timing(job)


def _clips(job: Job) -> str:
    delivery = job.delivery
    clips = f"{count(job.num_segments, 'clip')} in clips/, {delivery.format}"
    if delivery.loudness is None:
        return f"{clips}, as loud as spoken"
    return f"{clips}, each speaker at {delivery.loudness:g} LUFS, peaks at most {delivery.peak:g} dBTP"


def _timing(job: Job) -> Iterator[tuple[str, str]]:
    """How lines are fitted into their times, and the pauses between those that have none."""
    segments = [segment for _, _, segment in job.segments()]
    delivery = job.delivery
    if any(segment.start is not None for segment in segments):
        yield (
            "Fitting",
            f"up to {delivery.max_speed:g} times as fast, up to {delivery.max_shift_s:g} s earlier or later",
        )
    if any(segment.start is None for segment in segments):
        yield "Pauses", _pauses(delivery)


def _pauses(delivery: DeliverySettings) -> str:
    line, paragraph, chapter = (f"{delivery.pause_s * times:g} s" for times in (1, 2, 4))
    return (
        f"{line} between lines, {paragraph} at {MARKS[Break.PARAGRAPH]}, {chapter} at {MARKS[Break.CHAPTER]}"
    )


def _listed(paths: Sequence[str]) -> str:
    more = len(paths) - _MOST_FILES
    listed = ", ".join(cropped(path, WIDTH - 20) for path in paths[:_MOST_FILES])
    return f"{listed} and {more:,} more" if more > 0 else listed


def _fact(label: str, text: str) -> Iterator[Segment]:
    for row in wrapped(text, WIDTH - _LABEL_CELLS - 3):
        yield Segment(f"  {label:<{_LABEL_CELLS}} ", DIM)
        yield Segment(f"{row}\n", PLAIN)
        label = ""


def _speakers(job: Job, voices: Sequence[Voice], *, show_all: bool) -> Iterator[Segment]:
    rows = [_speaker_row(speaker, voice) for speaker, voice in zip(job.speakers, voices, strict=True)]
    yield from heading("Speakers")
    yield from _table(_SPEAKERS, rows, "speaker", show_all=show_all)


def _speaker_row(speaker: Speaker, voice: Voice) -> tuple[Cell, ...]:
    return (
        Cell(cropped(speaker.name, _TITLE_CELLS), NAME),
        Cell(cropped(voice.source, _VOICE_CELLS)),
        Cell(duration(voice.reference_s)),
        Cell(cropped(speaker.language, 12)),
        Cell(f"{len(speaker.segments):,}"),
    )


def _chapters(job: Job, *, show_all: bool) -> Iterator[Segment]:
    """With the id of each chapter's first line, and how many lines it has, spoken or skipped."""
    ids = {segment.position: segment.id for _, _, segment in job.segments()}
    ids |= {line.position: line.id for line in job.skipped}
    ends = [*(chapter.first_line for chapter in job.chapters), len(ids)]
    rows = [
        (
            Cell(cropped(chapter.title, _TITLE_CELLS)),
            Cell(cropped(ids.get(first, "–"), 20), DIM),
            Cell(f"{end - first:,}"),
        )
        for chapter, (first, end) in zip(job.chapters, pairwise(ends), strict=True)
    ]
    yield from heading("Chapters")
    yield from _table(_CHAPTERS, rows, "chapter", show_all=show_all)


def _table(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], noun: str, *, show_all: bool
) -> Iterator[Segment]:
    shown = rows if show_all else rows[:_MOST_ROWS]
    yield from table(columns, shown)
    if len(rows) > len(shown):
        yield Segment(f"  … and {count(len(rows) - len(shown), f'more {noun}')}; --lines lists all\n", DIM)
