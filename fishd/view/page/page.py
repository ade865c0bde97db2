"""Renders summary.html: a file with its style sheet and script inside, beside the clips that it plays."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fishd.core.model.job import Fault
from fishd.core.model.result import ChapterResult, Result, TrackResult, WorkerShare
from fishd.core.text.humanize import clock, human_size
from fishd.core.text.printable import to_printable
from fishd.view.page.lines import lines, url
from fishd.view.page.speakers import speaker_rows
from fishd.view.page.timeline import timeline
from fishd.view.report.faults import Cause, causes, other_faults
from fishd.view.report.headline import label, outcome
from fishd.view.report.next_step import next_step
from fishd.view.report.tables import busy_share, total_rows

_MOST_FAULTS = 50
_MOST_PLACES = 12
_MOST_CHARS = 2000  # of a fault


def render_page(result: Result, bundle: str = "") -> str:
    """The whole page. `bundle` is where the job's bundle is archived, from the spool's root."""
    found = lines(result)
    drawn = timeline(found)
    failed = causes(result)
    others = other_faults(result, failed)
    faults = [*_listed(others), *map(_cause, failed[:_MOST_FAULTS])]
    step = next_step(result, bundle or f"archive/{result.job}")
    return (
        environment()
        .get_template("summary.html.j2")
        .render(
            title=to_printable(result.title or result.job),
            job=to_printable(result.job),
            status=result.status.value,
            label=label(result.status),
            outcome=outcome(result),
            remarks=[to_printable(remark) for remark in result.remarks],
            faults=faults,
            more_faults=len(others) + len(failed) - len(faults),
            next_step=step.plain if step else "",
            warnings=_listed(result.warnings),
            more_warnings=len(result.warnings) - _MOST_FAULTS,
            tracks=[_track(track) for track in result.tracks],
            chapters=[_chapter(chapter) for chapter in result.chapters],
            speakers=speaker_rows(result, found, drawn),
            ticks=drawn.ticks,
            lines=found,
            num_faulty=sum(bool(line.faults) for line in found),
            counts=Counter(line.state.value for line in found),
            workers=[_worker(share, result.totals.wall_s) for share in result.workers],
            totals=total_rows(result),
            policy=content_policy(),
            style=Markup(asset("page.css")),  # noqa: S704 - ours
            script=Markup(asset("page.js")),  # noqa: S704 - ours
        )
    )


@cache
def environment() -> Environment:
    """The templates, compiled once in a process; every text is escaped."""
    return Environment(
        loader=PackageLoader("fishd.view.page", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


@cache
def asset(name: str) -> str:
    """`page.css` or `page.js`."""
    return (files("fishd.view.page") / name).read_text("utf-8")


@cache
def content_policy() -> str:
    """What a browser may load for the page: the two assets that it holds, and audio beside it."""
    return (
        f"default-src 'none'; style-src {_hash('page.css')}; script-src {_hash('page.js')}; "
        "media-src 'self' file:; frame-src 'self' file:; base-uri 'none'; form-action 'none'"
    )


def _hash(name: str) -> str:
    digest = hashlib.sha256(asset(name).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _listed(found: Sequence[Fault]) -> list[tuple[str, str]]:
    return [(to_printable(fault.where), _one_line(fault.what)) for fault in found[:_MOST_FAULTS]]


def _cause(cause: Cause) -> tuple[str, str]:
    """Where, and what: the lines that failed for one reason."""
    where = ", ".join(_places(cause.places[:_MOST_PLACES]))
    rest = len(cause.places) - _MOST_PLACES
    return f"{where} … and {rest:,} more" if rest > 0 else where, _one_line(cause.what)


def _places(places: Sequence[tuple[str, str]]) -> Iterator[str]:
    """`Alice 003`, `007`, `Bob 001`."""
    last = None
    for speaker, segment in places:
        yield to_printable(segment if speaker == last else f"{speaker} {segment}")
        last = speaker


def _one_line(what: str) -> str:
    return to_printable(" ".join(what[:_MOST_CHARS].split()))


def _track(track: TrackResult) -> tuple[str, str, str]:
    about = f"{clock(track.duration_s)}, {human_size(track.size_bytes)}"
    return url(track.path), to_printable(track.path), about


def _chapter(chapter: ChapterResult) -> tuple[str, str, str]:
    length_s = chapter.end_s - chapter.start_s
    return to_printable(chapter.title), clock(chapter.start_s), clock(length_s)


def _worker(share: WorkerShare, wall_s: float) -> tuple[str, str, str, str]:
    return (
        f"Worker {share.worker}",
        to_printable(share.device),
        f"{share.takes:,}",
        f"{busy_share(share, wall_s):.0%}",
    )
