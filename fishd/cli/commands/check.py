"""`fishd check`: every fault in bundles or in the configuration, and what a bundle would become."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.segment import Segments

from fishd.cli.bundle_check import BundleReport, check_bundle
from fishd.cli.commands.check_config import check_config
from fishd.cli.findings import FAULT, NOTE, OK, WARNING, Finding, print_finding
from fishd.cli.locate import read_config
from fishd.cli.output import EXIT_FAILED, EXIT_OK, console
from fishd.core.config.config import Config
from fishd.core.model.job import Job, Speaker
from fishd.core.model.limits import Limits
from fishd.core.text.humanize import count, duration, human_size
from fishd.daemon.publishing.assembly_request import assembly_speakers, assembly_tracks
from fishd.spool.bundle.layout import FORMATS_FIX
from fishd.view.bundle.line_list import line_list
from fishd.view.bundle.overview import Products, Voice, overview


def check(bundles: list[Path], path: Path | None, *, all_lines: bool) -> int:
    """Check each bundle, or without one the configuration; the exit code. Warnings do not change it."""
    out = console()
    config = check_config(path, out) if path is not None or not bundles else read_config(path)
    code = EXIT_OK
    for bundle in bundles:
        report = check_bundle(bundle, config)
        _print(report, config, out, all_lines=all_lines)
        if report.faults:
            code = EXIT_FAILED
    if bundles:
        _print_limits(config.limits, out)
    return code


def _print(report: BundleReport, config: Config, out: Console, *, all_lines: bool) -> None:
    """The faults; of a bundle without any, what would come out of it and its lines."""
    mark = FAULT if report.faults else OK
    print_finding(out, Finding(mark, f"{report.name}: {', '.join(_tally(report))}"), style="bold")
    for fault in report.faults:
        print_finding(out, Finding(FAULT, str(fault)), indent=2)
    for warning in report.warnings:
        print_finding(out, Finding(WARNING, str(warning)), indent=2)
    if report.faults:
        for clip in report.clips.values():
            note = f"{clip.id}: {duration(clip.duration_s)}"
            print_finding(out, Finding(NOTE, note), indent=2, style="dim")
    elif report.job:
        _print_job(report.job, report, config, out, all_lines=all_lines)


def _tally(report: BundleReport) -> list[str]:
    warnings = [count(len(report.warnings), "warning")] if report.warnings else []
    if report.faults or report.job is None:
        return [count(len(report.faults), "fault"), *warnings]
    job = report.job
    size = [count(len(job.speakers), "speaker"), count(job.num_segments, "segment")]
    if job.skipped:
        size.append(f"{len(job.skipped):,} skipped")
    if job.chapters:
        size.append(count(len(job.chapters), "chapter"))
    return ["ok", *size, *warnings]


def _print_job(job: Job, report: BundleReport, config: Config, out: Console, *, all_lines: bool) -> None:
    library = config.voices.root.resolve()
    voices = [_voice(speaker, report, library) for speaker in job.speakers]
    head = overview(job, voices, _products(job, report.cover), show_all=all_lines)
    out.print(Segments(head), end="", crop=False)
    for batch in line_list(job, show_all=all_lines):
        out.print(batch, end="", crop=False)
    out.print()


def _voice(speaker: Speaker, report: BundleReport, library: Path) -> Voice:
    seconds = sum(report.clips[file].duration_s for file in speaker.files)
    file = Path(speaker.files[0])
    if file.is_relative_to(library):
        return Voice(f"{file.relative_to(library).parts[0]} (library)", seconds)
    references = speaker.references
    return Voice(references[0] if len(references) == 1 else f"{len(references)} clips", seconds)


def _products(job: Job, cover: bytes | None) -> Products:
    picture = ""
    if cover is not None:
        kind = "PNG" if cover.startswith(b"\x89PNG") else "JPEG"
        picture = f"{kind}, {human_size(len(cover))}"
    tracks = assembly_tracks(job)
    stems = [speaker.stem for speaker in assembly_speakers(job)]
    has_no_book = job.chapters and "mix" in job.tracks and not tracks.book
    return Products(
        tracks=tuple(filter(None, (tracks.mix, *stems))),
        texts=tuple(filter(None, (tracks.srt, tracks.vtt, tracks.timing))),
        book=tracks.book or "",
        no_book=f"it needs the extra formats: {FORMATS_FIX}" if has_no_book else "",
        cover=picture,
    )


def _print_limits(limits: Limits, out: Console) -> None:
    seconds = f"{limits.min_reference_s:g} to {limits.max_reference_s:g} s"
    reference_size = f"up to {human_size(limits.reference_bytes)}"
    lines = (
        "Limits of a bundle ([limits] in the configuration):",
        f"  {limits.max_files:,} files, {human_size(limits.max_bytes)}, folders {limits.max_depth} deep",
        f"  {limits.speakers:,} speakers, {limits.segments:,} segments of {limits.text_chars:,} characters",
        f"  {limits.references} reference clips per speaker, {seconds} and {reference_size} each",
    )
    for line in lines:
        print_finding(out, Finding(NOTE, line), style="dim")
