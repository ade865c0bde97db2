"""Reads a script file's bytes into a Script. Whatever they are, it raises nothing and does not hang."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from fishd.core.model.limits import Limits
from fishd.core.text.humanize import human_size
from fishd.spool.bundle.scripts.decode import decode, is_encoding
from fishd.spool.bundle.scripts.draft import ScriptDraft, StopReadingError, quoted
from fishd.spool.bundle.scripts.epub.book import read_epub
from fishd.spool.bundle.scripts.fountain import read_fountain
from fishd.spool.bundle.scripts.model import Script, ScriptSettings
from fishd.spool.bundle.scripts.prose.markdown import read_markdown
from fishd.spool.bundle.scripts.prose.plain_text import read_plain_text
from fishd.spool.bundle.scripts.subtitles.ass import read_ass
from fishd.spool.bundle.scripts.subtitles.srt import read_srt
from fishd.spool.bundle.scripts.subtitles.vtt import read_vtt
from fishd.spool.bundle.scripts.table import read_table

TEXT_READERS: Mapping[str, Callable[[str, ScriptDraft], None]] = {
    ".srt": read_srt,
    ".vtt": read_vtt,
    ".ass": read_ass,
    ".ssa": read_ass,
    ".csv": read_table,
    ".tsv": read_table,
    ".txt": read_plain_text,
    ".md": read_markdown,
    ".fountain": read_fountain,
}
EPUB = ".epub"
SUFFIXES = (*TEXT_READERS, EPUB)


def script_suffix(name: str) -> str:
    """`Episode 3.SRT` -> `.srt`; "" for a file that is no script by its name."""
    return next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")


def read_script(
    name: str, content: bytes, settings: ScriptSettings | None = None, limits: Limits | None = None
) -> Script:
    """Read the script file `name`. All its faults come together; a script without any has lines."""
    draft = ScriptDraft(name, settings or ScriptSettings(), limits or Limits())
    with suppress(StopReadingError):  # its fault is in the draft
        _read(script_suffix(name), content, draft)
    return draft.finish()


def _read(suffix: str, content: bytes, draft: ScriptDraft) -> None:
    encoding = draft.settings.encoding
    most = draft.limits.script_bytes if suffix == EPUB else draft.limits.script_text_bytes
    if not suffix:
        draft.fault("", f"is not a script; one ends in {', '.join(SUFFIXES)}")
    elif not content:
        draft.fault("", "is empty (0 bytes)")
    elif len(content) > most:
        what = f"is {human_size(len(content))} long; at most {human_size(most)} are read"
        draft.fault("", what)
    elif encoding and not is_encoding(encoding):
        what = f'{quoted(encoding)} is not an encoding; write one such as "cp1252" or "gb18030"'
        draft.setting_fault("encoding", what)
    elif suffix == EPUB:
        read_epub(content, draft)
    elif (text := decode(content, encoding, draft)) is not None:
        TEXT_READERS[suffix](text, draft)
