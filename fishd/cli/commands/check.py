"""`fishd check`: all that is wrong with bundles, or with a configuration, without running anything."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from fishd.cli import marked_lines as lines
from fishd.cli.commands.check_config import check_config
from fishd.cli.locate import load
from fishd.cli.output import NOT_ALL_WELL, WELL, console
from fishd.cli.preflight import ask, inspect_all
from fishd.core.config.config import Config, resolve_engine
from fishd.core.model.job import Fault, Job
from fishd.core.model.limits import Limits
from fishd.core.text.humanize import count, duration, size_in_words
from fishd.spool.archive.endings import NEITHER, is_archive
from fishd.spool.bundle.load import LoadedBundle, read_dropped
from fishd.spool.errors import SpoolError
from fishd.spool.names import job_name
from fishd.wire.messages import CheckOptions, Inspect, Inspected, OptionsChecked


@dataclass(frozen=True, slots=True)
class _Checked:
    """What there is to say of one bundle."""

    name: str
    job: Job | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    clips: tuple[Inspected, ...]


def check(bundles: list[Path], path: Path | None) -> int:
    """Say what is wrong; the exit code. Without bundles, the configuration is what is checked."""
    out = console()
    config = check_config(path, out) if path is not None or not bundles else load(path)
    results = [_check(bundle, config) for bundle in bundles]
    for result in results:
        _print(result, out)
    if bundles:
        _print_limits(config.limits, out)
    return NOT_ALL_WELL if any(result.faults for result in results) else WELL


def _check(bundle: Path, config: Config) -> _Checked:
    if not bundle.is_dir() and not (bundle.is_file() and is_archive(bundle.resolve().name)):
        what = NEITHER if bundle.exists() else "is not there"
        return _Checked(str(bundle), None, (Fault("bundle", what),), (), ())
    source = bundle.resolve()
    name = job_name(source.name)
    try:
        with _room(source) as folder:
            limits, format_ = config.limits, config.output.format
            reading = read_dropped(source, name, limits, format_, unpacked=folder / "unpacked", copies=None)
            return _heard(name, reading, config)
    except SpoolError as error:  # the room for what comes out of an archive, say
        what = "; ".join(filter(None, (error.fault, error.fix)))
        return _Checked(name, None, (Fault("bundle", what),), (), ())


@contextmanager
def _room(source: Path) -> Generator[Path]:
    """A folder for what comes out of an archive, gone afterwards; a folder needs none. Raises SpoolError."""
    if source.is_dir():
        yield Path()
        return
    try:
        room = tempfile.TemporaryDirectory(prefix="fishd-check-")
    except OSError as error:
        what = f"cannot be unpacked for a look: {error.strerror}"
        raise SpoolError(str(source), what, "set TMPDIR to a folder with room") from error
    with room as folder:
        yield Path(folder)


def _heard(name: str, reading: LoadedBundle, config: Config) -> _Checked:
    """What the engine says of a bundle's audio and options, with what was read."""
    _, engine = resolve_engine(config)
    clips = inspect_all(engine, [Inspect(ref.where, str(ref.path)) for ref in reading.references])
    faults = [*reading.faults, *(Fault(where, clip.fault) for where, clip in clips.items() if clip.fault)]
    faults += _engine_faults(reading, engine)
    warnings = [Fault(where, text) for where, clip in clips.items() for text in clip.warnings]
    return _Checked(name, reading.job, tuple(faults), (*reading.warnings, *warnings), tuple(clips.values()))


def _engine_faults(reading: LoadedBundle, engine: str) -> Iterator[Fault]:
    """What the engine does not take of a bundle that is good otherwise."""
    if reading.job is None:
        return
    languages = sorted({segment.language for _, _, segment in reading.job.segments()})
    question = CheckOptions("job.toml", dict(reading.job.engine_options), tuple(languages))
    answers = ask(engine, [question], {"CUDA_VISIBLE_DEVICES": ""})
    for answer in answers.given:
        if isinstance(answer, OptionsChecked):
            yield from (Fault("job.toml", fault) for fault in answer.faults)
    if not answers.given:
        yield Fault("engine", f"could not be asked about options and languages: {answers.end}")


def _print(result: _Checked, out: Console) -> None:
    if result.faults:
        lines.marked(out, lines.BAD, f"{result.name}: {count(len(result.faults), 'fault')}", style="bold")
    elif result.job:
        said = f"{count(len(result.job.speakers), 'speaker')}, {count(result.job.num_segments, 'segment')}"
        lines.marked(out, lines.GOOD, f"{result.name}: good: {said}", style="bold")
    for fault in result.faults:
        lines.marked(out, lines.BAD, str(fault), indent=2)
    for warning in result.warnings:
        lines.marked(out, lines.ODD, str(warning), indent=2)
    for clip in result.clips:
        if not clip.fault:
            lines.marked(out, lines.NOTE, f"{clip.id}: {duration(clip.duration_s)}", indent=2, style="dim")


def _print_limits(limits: Limits, out: Console) -> None:
    """What a bundle may be; `[limits]` changes it."""
    tree = f"{limits.max_files:,} files, {size_in_words(limits.max_bytes)}, folders {limits.max_depth} deep"
    text = f"{limits.speakers:,} speakers, {limits.segments:,} segments of {limits.text_chars:,} characters"
    each = (
        f"{limits.min_reference_s:g} to {limits.max_reference_s:g} s, {size_in_words(limits.reference_bytes)}"
    )
    clips = f"{limits.references} reference clips a speaker, each {each}"
    lines.marked(out, lines.NOTE, "Limits of a bundle, from [limits] in the configuration:", style="dim")
    for row in (tree, text, clips):
        lines.marked(out, lines.NOTE, row, indent=2, style="dim")
