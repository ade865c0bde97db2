"""What a bundle may cost. Bundles are untrusted: everything that is read from one is bounded here."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 1024**3
MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one bundle. The `…_reference_s` bounds are for whoever decodes the audio (a worker)."""

    max_files: int = 10_000
    max_bytes: int = 4 * GIB
    max_ratio: int = 100  # of an archive's content to the archive, in bytes
    max_depth: int = 16  # folders below the bundle's own
    manifest_bytes: int = 16 * MIB
    text_bytes: int = 16 * MIB  # a transcript or a file of lines
    text_chars: int = 2_000  # one segment
    transcript_chars: int = 20_000  # of one reference, which may last minutes
    name_chars: int = 200  # a speaker's name, a segment's id, a title
    speakers: int = 1_000
    segments: int = 50_000
    references: int = 100  # of one speaker
    reference_bytes: int = 512 * MIB
    min_reference_s: float = 1.0
    long_reference_s: float = 60.0
    max_reference_s: float = 600.0
    faults: int = 200  # reported of one bundle; the rest are counted
    script_bytes: int = 512 * MIB  # a script file; of an EPUB, whose pictures are most of it
    script_text_bytes: int = 16 * MIB  # a script that is text, or an EPUB's pages together
    script_lines: int = 200_000  # to speak and to skip; `segments` counts those to speak
