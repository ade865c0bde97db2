"""`fishd check`: every fault in bundles or in the configuration, without running a job."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from fishd.cli.commands.check_config import check_config
from fishd.cli.findings import FAULT, NOTE, OK, WARNING, Finding, print_finding
from fishd.cli.locate import read_config
from fishd.cli.output import EXIT_FAILED, EXIT_OK, console
from fishd.cli.single_worker import Question, WorkerLost, ask_each
from fishd.core.config.config import Config, resolve_engine
from fishd.core.model.job import Fault, Job
from fishd.core.model.limits import Limits
from fishd.core.text.humanize import count, duration, human_size
from fishd.spool.bundle.load import LoadedBundle, read_dropped
from fishd.spool.bundle.settings import BundleSettings
from fishd.spool.endings import NEITHER, ending, without_ending
from fishd.spool.errors import SpoolError
from fishd.spool.names import job_name
from fishd.wire.messages import CheckOptions, Inspect, Inspected, OptionsChecked


@dataclass(frozen=True, slots=True)
class _Report:
    """What was found in one bundle. `job` is None if it could not be read, `clips` are the good ones."""

    name: str
    job: Job | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()
    clips: tuple[Inspected, ...] = ()


def check(bundles: list[Path], path: Path | None) -> int:
    """Check each bundle, or without one the configuration; the exit code. Warnings do not change it."""
    out = console()
    config = check_config(path, out) if path is not None or not bundles else read_config(path)
    reports = [_check(bundle, config) for bundle in bundles]
    for report in reports:
        _print(report, out)
    if bundles:
        _print_limits(config.limits, out)
    return EXIT_FAILED if any(report.faults for report in reports) else EXIT_OK


def _check(bundle: Path, config: Config) -> _Report:
    if not bundle.is_dir() and not (bundle.is_file() and ending(bundle.resolve().name)):
        fault = NEITHER if bundle.exists() else "does not exist"
        return _Report(str(bundle), None, (Fault("bundle", fault),))
    source = bundle.resolve()
    name = job_name(without_ending(source.name))
    try:
        with _folder_to_unpack(source) as unpacked:
            settings = BundleSettings.of(config)
            loaded = read_dropped(source, source.name, settings, unpacked=unpacked, copies=None)
            return _inspect(name, loaded, config)
    except SpoolError as error:  # such as a full disk while unpacking
        fault = "; ".join(filter(None, (error.fault, error.fix)))
        return _Report(name, None, (Fault("bundle", fault),))


@contextmanager
def _folder_to_unpack(source: Path) -> Generator[Path]:
    """A temporary folder for an archive's contents; a folder needs none. Raises SpoolError."""
    if source.is_dir():
        yield Path()
        return
    try:
        folder = tempfile.TemporaryDirectory(prefix="fishd-check-")
    except OSError as error:
        fault = f"cannot be unpacked for the check: {error.strerror}"
        raise SpoolError(str(source), fault, "set TMPDIR to a folder with free space") from error
    with folder as path:
        yield Path(path) / "unpacked"


def _inspect(name: str, loaded: LoadedBundle, config: Config) -> _Report:
    """Add to what was read what a worker finds in the audio, the options and the languages."""
    questions: list[Question] = [
        Inspect.within(config.limits, ref.where, str(ref.path)) for ref in loaded.references
    ]
    if loaded.job is not None:
        languages = sorted({segment.language for _, _, segment in loaded.job.segments()})
        options, (_, engine) = dict(loaded.job.engine_options), resolve_engine(config)
        questions.append(CheckOptions("job.toml", options, tuple(languages), engine))
    faults, warnings, clips = [*loaded.faults], [*loaded.warnings], list[Inspected]()
    for question, answer in zip(questions, asyncio.run(ask_each(questions)), strict=True):
        match answer:
            case Inspected(fault="") as clip:
                clips.append(clip)
                warnings += [Fault(clip.id, warning) for warning in clip.warnings]
            case Inspected() as clip:
                faults.append(Fault(clip.id, clip.fault))
            case OptionsChecked():
                faults += [Fault(answer.id, fault) for fault in answer.faults]
            case WorkerLost():
                faults.append(Fault(question.id, _why_unanswered(question, answer)))
    return _Report(name, loaded.job, tuple(faults), tuple(warnings), tuple(clips))


def _why_unanswered(question: Question, lost: WorkerLost) -> str:
    if isinstance(question, Inspect):
        return f"cannot be decoded: the decoder crashed or hung ({lost})"
    return f"engine options and languages cannot be checked: {question.engine} gave no answer ({lost})"


def _print(report: _Report, out: Console) -> None:
    tally = [count(len(report.warnings), "warning")] if report.warnings else []
    if report.faults:
        tally.insert(0, count(len(report.faults), "fault"))
    elif report.job:
        size = (count(len(report.job.speakers), "speaker"), count(report.job.num_segments, "segment"))
        tally = ["ok", *size, *tally]
    mark = FAULT if report.faults else OK
    print_finding(out, Finding(mark, f"{report.name}: {', '.join(tally)}"), style="bold")
    for fault in report.faults:
        print_finding(out, Finding(FAULT, str(fault)), indent=2)
    for warning in report.warnings:
        print_finding(out, Finding(WARNING, str(warning)), indent=2)
    for clip in report.clips:
        print_finding(out, Finding(NOTE, f"{clip.id}: {duration(clip.duration_s)}"), indent=2, style="dim")


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
