"""The limits of one bundle. Bundles are untrusted input: everything that is read from one has a limit."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 1024**3
MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Limits:
    """The `[limits]` of the configuration. The `…_reference_s` are checked by the worker that decodes."""

    max_files: int = 10_000
    max_bytes: int = 4 * GIB
    max_ratio: int = 100  # an archive's unpacked size by its own, above some free MiB
    max_depth: int = 16  # nested folders
    manifest_bytes: int = 16 * MIB
    text_bytes: int = 16 * MIB  # a transcript or a file of lines
    text_chars: int = 2_000  # one segment
    transcript_chars: int = 20_000  # of one speaker's references, which may last minutes
    name_chars: int = 200  # a speaker's name, a segment's id, a title
    speakers: int = 1_000
    segments: int = 50_000
    references: int = 100  # of one speaker
    reference_bytes: int = 512 * MIB
    min_reference_s: float = 1.0
    long_reference_s: float = 60.0
    max_reference_s: float = 600.0
    faults: int = 200  # reported of one bundle; the others are only counted
    script_bytes: int = 512 * MIB  # a script file; pictures are most of an EPUB
    script_text_bytes: int = 16 * MIB  # a script that is text, or an EPUB's pages together
    script_lines: int = 200_000  # spoken and skipped; `segments` counts those to speak
