"""Plain text (.txt): paragraphs are separated by blank lines, or each is one line.

Wrapped lines are joined; intended line breaks (verse, lists) are kept. A line counts as wrapped if the next
word would not have fitted into the width of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from fishd.spool.bundle.scripts.blocks import blocks
from fishd.spool.bundle.scripts.prose.writer import ProseWriter

if TYPE_CHECKING:
    from fishd.spool.bundle.scripts.draft import ScriptDraft

_NARROWEST, _WIDEST = 50, 100  # columns that text is wrapped at
_LONGER_LINES = 0.05  # the share of lines that wrapped text may have beyond that, such as URLs


def read_plain_text(text: str, draft: ScriptDraft) -> None:
    """Add the file's lines to the draft."""
    writer = ProseWriter(draft)
    lines = [line.strip() for line in text.split("\n")]
    lengths = [len(line) for line in lines if line]
    is_wrapped = sum(length > _WIDEST for length in lengths) <= _LONGER_LINES * len(lengths)
    width = max((length for length in lengths if length <= _WIDEST), default=0)
    for first, block in blocks(lines):
        if is_wrapped:
            writer.add(f":{first}", _joined(block, width))
            continue
        for n, line in enumerate(block, first):
            writer.add(f":{n}", line)


def _joined(block: Sequence[str], width: int) -> str:
    r"""Wrapped lines joined by a space, others by "\n"."""
    parts = [block[0]]
    for line, following in pairwise(block):
        has_room = len(line) + 1 + len(following.split(" ", 1)[0]) <= width
        parts += ("\n" if has_room or width < _NARROWEST else " ", following)
    return "".join(parts)
