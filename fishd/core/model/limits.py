"""The limits of one bundle. Bundles are untrusted input, so everything read from one has a limit."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 1024**3
MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Limits:
    """`[limits]` of the configuration. Workers, which decode reference clips, check the `…_reference_s`."""

    max_files: int = 10_000
    max_bytes: int = 4 * GIB
    max_ratio: int = 100  # an archive's unpacked size divided by its own, beyond some MiB
    max_depth: int = 16  # nested folders
    manifest_bytes: int = 16 * MIB
    text_bytes: int = 16 * MIB  # a transcript or a file of lines
    text_chars: int = 2_000  # one segment
    transcript_chars: int = 20_000  # of one speaker, whose references may last minutes
    name_chars: int = 200  # a speaker's name, a segment's id, a title
    speakers: int = 1_000
    segments: int = 50_000
    references: int = 100  # of one speaker
    reference_bytes: int = 512 * MIB
    min_reference_s: float = 1.0
    long_reference_s: float = 60.0
    max_reference_s: float = 600.0
    faults: int = 200  # reported for one bundle; the others are only counted
    script_bytes: int = 512 * MIB  # a script file; an EPUB is mostly pictures
    script_text_bytes: int = 16 * MIB  # a text script, or all pages of an EPUB
    script_lines: int = 200_000  # spoken and skipped; `segments` limits the spoken ones
