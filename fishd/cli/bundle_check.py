"""What can be known of a bundle without running it: read as by the daemon, its audio decoded by a worker."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fishd.cli.single_worker import Question, WorkerLost, ask_each
from fishd.core.config.config import Config, resolve_engine
from fishd.core.model.job import Fault, Job
from fishd.spool.bundle.load import LoadedBundle, read_dropped
from fishd.spool.bundle.settings import BundleSettings
from fishd.spool.endings import NEITHER, ending
from fishd.spool.errors import SpoolError
from fishd.spool.names import job_name
from fishd.wire.messages import CheckOptions, Inspect, Inspected, OptionsChecked


@dataclass(frozen=True, slots=True)
class BundleReport:
    """What was found in one bundle.

    `job` is None if it could not be read. `clips` are the good reference clips, by the files that speakers
    name. `cover` is the picture of a book.
    """

    name: str
    job: Job | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()
    clips: Mapping[str, Inspected] = field(default_factory=dict[str, Inspected])
    cover: bytes | None = None


def check_bundle(bundle: Path, config: Config) -> BundleReport:
    """Check a folder, an archive or a script."""
    if not bundle.is_dir() and not (bundle.is_file() and ending(bundle.resolve().name)):
        fault = NEITHER if bundle.exists() else "does not exist"
        return BundleReport(str(bundle), None, (Fault("bundle", fault),))
    source = bundle.resolve()
    name = job_name(source.name)
    try:
        with _folder_to_unpack(source) as unpacked:
            settings = BundleSettings.of(config)
            loaded = read_dropped(source, source.name, settings, unpacked=unpacked, copies=None)
            return _inspect(name, loaded, config)
    except SpoolError as error:  # such as a full disk while unpacking
        fault = "; ".join(filter(None, (error.fault, error.fix)))
        return BundleReport(name, None, (Fault("bundle", fault),))


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


def _inspect(name: str, loaded: LoadedBundle, config: Config) -> BundleReport:
    """Add to what was read what a worker finds in the audio, the options and the languages."""
    questions: list[Question] = [
        Inspect.within(config.limits, ref.where, str(ref.path)) for ref in loaded.references
    ]
    if loaded.job is not None:
        languages = sorted({segment.language for _, _, segment in loaded.job.segments()})
        options, (_, engine) = dict(loaded.job.engine_options), resolve_engine(config)
        questions.append(CheckOptions("job.toml", options, tuple(languages), engine))
    faults, warnings, clips = [*loaded.faults], [*loaded.warnings], dict[str, Inspected]()
    for question, answer in zip(questions, asyncio.run(ask_each(questions)), strict=True):
        match question, answer:
            case Inspect(), Inspected(fault=""):
                clips[question.path] = answer
                warnings += [Fault(answer.id, warning) for warning in answer.warnings]
            case _, Inspected():
                faults.append(Fault(answer.id, answer.fault))
            case _, OptionsChecked():
                faults += [Fault(answer.id, fault) for fault in answer.faults]
            case _, WorkerLost():
                faults.append(Fault(question.id, _why_unanswered(question, answer)))
            case _:
                raise AssertionError(answer)
    return BundleReport(name, loaded.job, tuple(faults), tuple(warnings), clips, loaded.cover)


def _why_unanswered(question: Question, lost: WorkerLost) -> str:
    if isinstance(question, Inspect):
        return f"cannot be decoded: the decoder crashed or hung ({lost})"
    return f"engine options and languages cannot be checked: {question.engine} gave no answer ({lost})"
