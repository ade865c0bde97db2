"""job.toml: text in, a draft and all its faults out. Touches no disk."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, cast

from fishd.core.model.job import Fault
from fishd.spool.bundle.model import (
    DEFAULT_LANGUAGE,
    FileRef,
    Manifest,
    SegmentEntry,
    SpeakerEntry,
    TextValue,
)
from fishd.spool.bundle.text import decode
from fishd.spool.bundle.toml_table import TomlTable

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST = "job.toml"
FORMATS = ("wav", "flac", "ogg", "mp3")
TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def parse_manifest(content: bytes, default_format: str = "wav") -> tuple[Manifest | None, list[Fault]]:
    """A draft and its faults; no draft if the text is no TOML. The title is empty where none is given."""
    faults: list[Fault] = []
    text = decode(content, MANIFEST, faults)
    tree = None if text is None else parse_toml(text, faults)
    if tree is None:
        return None, faults
    return _draft(TomlTable("", tree, faults), default_format), faults


def parse_toml(text: str, faults: list[Fault]) -> Mapping[str, object] | None:
    """The tree, or None after a fault with line and column."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        faults.append(_syntax_fault(str(error), text))
    except RecursionError:
        faults.append(Fault(MANIFEST, "is nested too deeply"))
    except ValueError as error:  # such as an integer of 5,000 digits
        faults.append(Fault(MANIFEST, f"cannot be read: {str(error)[:200]}"))
    return None


def _syntax_fault(message: str, text: str) -> Fault:
    place = TOML_PLACE.search(message)
    what = TOML_PLACE.sub("", message)[:200]
    line, column = place.groups() if place else (None, None)
    if line is None:
        lines = text.rstrip().split("\n")
        line, column = str(len(lines)), str(len(lines[-1]) + 1)
    return Fault(f"{MANIFEST}:{line}:{column}", what[:1].lower() + what[1:])


def _draft(top: TomlTable, default_format: str) -> Manifest:
    title = top.string("title")
    priority = top.integer("priority", -10, 10)
    language = top.language() or DEFAULT_LANGUAGE
    audio_format, reuse = _output(top.table("output"), default_format)
    options = _engine_options(top.table("engine_options"))
    speakers = tuple(_speaker(table, language) for table in top.tables("speakers"))
    if not speakers and not top.faulty("speakers"):
        top.fault("speakers", "there are none; add a [[speakers]] table")
    top.close()
    return Manifest(title.text if title else "", priority or 0, audio_format, speakers, options, reuse)


def _output(output: TomlTable | None, default: str) -> tuple[str, bool | None]:
    """The clips' format, and whether earlier ones may be taken over."""
    if output is None:
        return default, None
    chosen, reuse = output.string("format"), output.boolean("reuse")
    if chosen and chosen.text not in FORMATS:
        output.fault("format", f'"{chosen.text[:40]}" is not one of {", ".join(FORMATS)}')
    output.close()
    return chosen.text if chosen and chosen.text in FORMATS else default, reuse


def _engine_options(table: TomlTable | None) -> Mapping[str, object]:
    if table is None:
        return {}
    options = table.everything()
    for key, value in options.items():
        what = _not_sendable(value, depth=4)
        if what:
            table.fault(key, what)
    return options


def _not_sendable(value: object, depth: int) -> str:
    """Options go to a worker as a message: strings, booleans, 64-bit numbers, lists and tables of these."""
    if not depth:
        return "is nested too deeply"
    match value:
        case bool() | str() | float():
            return ""
        case int():
            return "" if -(2**63) <= value < 2**63 else "is too large a number"
        case list():
            parts = cast("list[object]", value)
            return next((what for part in parts if (what := _not_sendable(part, depth - 1))), "")
        case dict():
            return _not_sendable(list(cast("dict[str, object]", value).values()), depth)
        case _:
            return "is a date or a time; write it as a string"


def _speaker(table: TomlTable, language: str) -> SpeakerEntry:
    name = table.string("name")
    if name is None and not table.has("name"):
        table.fault("", "has no name")
    own = table.language() or language
    references = table.paths("reference")
    if not references and not table.faulty("reference"):
        table.fault("", 'has no reference clip; add reference = "clip.wav"')
    transcript = _transcript(table)
    segments = _segments(table, own)
    table.close()
    return SpeakerEntry(table.where, name, own, references, transcript, segments)


def _transcript(table: TomlTable) -> FileRef | TextValue | None:
    text, file = table.string("transcript"), table.path("transcript_file")
    if _one_of(table, "transcript", "transcript_file") == "neither":
        table.fault("", 'has no transcript of its reference; add transcript = "…" or transcript_file = "…"')
    return text or file


def _segments(table: TomlTable, language: str) -> tuple[SegmentEntry, ...] | FileRef:
    file = table.path("segments_file")
    segments = tuple(_segment(part, language) for part in table.tables("segments"))
    given = _one_of(table, "segments", "segments_file")
    if given == "neither" or (given == "segments" and not segments and not table.faulty("segments")):
        table.fault("", 'has no segments; add [[speakers.segments]] or segments_file = "…"')
    return file or segments


def _one_of(table: TomlTable, one: str, other: str) -> str:
    present = [key for key in (one, other) if table.has(key)]
    if len(present) == 2:
        table.fault(other, f"stands beside {one}; keep one of the two")
        return "both"
    return present[0] if present else "neither"


def _segment(table: TomlTable, language: str) -> SegmentEntry:
    text = table.string("text")
    if text is None and not table.has("text"):
        table.fault("", "has no text")
    identity = table.string("id")
    if identity and not identity.text.strip():
        table.fault("id", "is empty")
    start, end = table.seconds("start"), table.seconds("end")
    if start is not None and end is not None and end <= start:
        table.fault("end", f"is {end:g}, not after start = {start:g}")
    own = table.language() or language
    table.close()
    return SegmentEntry(
        table.where, text or TextValue("", ""), identity.text if identity else "", own, start, end
    )
