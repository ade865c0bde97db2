"""job.toml: its text to a Manifest and every fault in it. Does no I/O."""

from __future__ import annotations

from fishd.core.config.keys import ENGINE_OPTION, OUTPUT, PRONUNCIATION, QUALITY
from fishd.core.model.job import Fault
from fishd.spool.bundle.model import (
    DEFAULT_LANGUAGE,
    FileRef,
    Manifest,
    ScriptEntry,
    SegmentEntry,
    SpeakerEntry,
    TextValue,
)
from fishd.spool.bundle.text import decode
from fishd.toml import rules
from fishd.toml.display import dotted
from fishd.toml.parse import BadToml, parse
from fishd.toml.rules import Rule
from fishd.toml.table import Faults, Table

MANIFEST = "job.toml"
_TEXT = rules.text()
_FILE = rules.text("the path of a file")
LANGUAGE = rules.matching(
    "[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,4}", 'a language tag such as "en" or "pt-BR"'
)
_PRIORITY = rules.whole(least=-10, most=10)
_SECONDS = rules.number("seconds", least=0, most=1e9)
_BEGINNING = rules.matching(r"(?s).*\S.*", "the beginning of lines that are not spoken")
_COLUMNS: dict[str, Rule[object]] = {
    column: rules.text("the title of a column")
    for column in ("id", "speaker", "text", "language", "start", "end")
}


def parse_manifest(content: bytes) -> tuple[Manifest | None, list[Fault]]:
    """A manifest and its faults; None if the text is not TOML. The title is "" where none is given."""
    faults: list[Fault] = []
    manifest = decode(content, MANIFEST, faults)
    if manifest is None:
        return None, faults
    try:
        tree = parse(manifest)
    except BadToml as error:
        return None, [Fault(MANIFEST + error.at, str(error))]
    found: Faults = []
    draft = _manifest(Table(tree, found))
    return draft, [Fault(dotted(place), what) for place, what in found]


def _manifest(top: Table) -> Manifest:
    title = top.get("title", _TEXT)
    priority = top.get("priority", _PRIORITY)
    language = top.get("language", LANGUAGE) or ""
    output = table.read(OUTPUT) if (table := top.table("output")) else {}
    quality = table.read(QUALITY) if (table := top.table("quality")) else {}
    options = table.every(ENGINE_OPTION) if (table := top.table("engine_options")) else {}
    pronounce = table.every(PRONUNCIATION) if (table := top.table("pronounce")) else {}
    script = _script(table) if (table := top.table("script")) else None
    has_script = "script" in top
    speakers = tuple(_speaker(table, language, has_script=has_script) for table in top.tables("speakers"))
    if not speakers and not has_script and not top.is_faulty("speakers"):
        top.fault("is empty; add a [[speakers]] table", "speakers")
    top.close()
    return Manifest(
        title=title or "",
        priority=priority or 0,
        language=language,
        output=output,
        quality=quality,
        speakers=speakers,
        script=script,
        pronounce=pronounce,
        engine_options=options,
    )


def _script(table: Table) -> ScriptEntry | None:
    file = _file(table, "file")
    if "file" not in table:
        table.fault('has no file; add file = "episode.srt"')
    speaker, author = table.get("speaker", _TEXT), table.get("author", _TEXT)
    columns = columns.read(_COLUMNS) if (columns := table.table("columns")) else {}
    skip = tuple(beginning for _, beginning in table.each("skip", _BEGINNING)) if "skip" in table else None
    encoding, cover = table.get("encoding", _TEXT), _file(table, "cover")
    table.close()
    if file is None:
        return None
    return ScriptEntry(file, speaker or "", columns, skip, encoding or "", author or "", cover)


def _speaker(table: Table, language: str, *, has_script: bool) -> SpeakerEntry:
    name = _text(table, "name")
    if "name" not in table:
        table.fault("has no name")
    own = table.get("language", LANGUAGE) or language
    voice = _text(table, "voice")
    aliases = tuple(alias for _, alias in table.each("aliases", _TEXT))
    references = tuple(FileRef(where, path) for where, path in table.each("reference", _FILE))
    if "voice" in table and "reference" in table:
        table.fault("cannot be used together with reference; keep one of the two", "voice")
    elif "voice" not in table and not references and not table.is_faulty("reference"):
        fix = 'reference = "clip.wav", or voice = "…" from the voice library'
        table.fault(f"has no reference clip; add {fix}")
    transcript = _transcript(table, has_voice="voice" in table)
    segments = _segments(table, own or DEFAULT_LANGUAGE, has_script=has_script)
    table.close()
    return SpeakerEntry(table.at(), name, own, references, transcript, segments, voice, aliases)


def _transcript(table: Table, *, has_voice: bool) -> FileRef | TextValue | None:
    transcript, file = _text(table, "transcript"), _file(table, "transcript_file")
    has_any = _is_one_of_two(table, "transcript", "transcript_file")
    if not has_any and not has_voice:
        table.fault('has no transcript of its reference; add transcript = "…" or transcript_file = "…"')
    elif has_any and has_voice:
        table.fault("has a transcript beside its voice, which has its own; remove it")
    return transcript or file


def _segments(table: Table, language: str, *, has_script: bool) -> tuple[SegmentEntry, ...] | FileRef:
    file = _file(table, "segments_file")
    segments = tuple(_segment(entry, language) for entry in table.tables("segments"))
    has_any = _is_one_of_two(table, "segments", "segments_file")
    if has_script:
        if has_any:
            table.fault("has segments, and [script] has the lines; keep one of the two")
        return ()
    if not has_any or ("segments_file" not in table and not segments and not table.is_faulty("segments")):
        table.fault('has no segments; add [[speakers.segments]] or segments_file = "…"')
    return file or segments


def _is_one_of_two(table: Table, one: str, other: str) -> bool:
    """Whether one of two keys is given; both together are a fault."""
    if one in table and other in table:
        table.fault(f"cannot be used together with {one}; keep one of the two", other)
    return one in table or other in table


def _segment(table: Table, language: str) -> SegmentEntry:
    text = _text(table, "text")
    if "text" not in table:
        table.fault("has no text")
    identity = table.get("id", _TEXT)
    if identity is not None and not identity.strip():
        table.fault("is empty", "id")
    start, end = table.get("start", _SECONDS), table.get("end", _SECONDS)
    if start is not None and end is not None and end <= start:
        table.fault(f"is {end:g}; must be after start, {start:g}", "end")
    own = table.get("language", LANGUAGE) or language
    table.close()
    return SegmentEntry(table.at(), text or TextValue("", ""), identity or "", own, start, end)


def _text(table: Table, key: str) -> TextValue | None:
    value = table.get(key, _TEXT)
    return None if value is None else TextValue(table.at(key), value)


def _file(table: Table, key: str) -> FileRef | None:
    value = table.get(key, _FILE)
    return None if value is None else FileRef(table.at(key), value)
